/** The generators: what they call valid is read back as it was made; the same seed gives the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64 } from '../../src/base64.js';
import { concatAll, toHex } from '../../src/bytes.js';
import { parseCommand } from '../../src/ftp/command.js';
import { parseReply } from '../../src/ftp/reply.js';
import {
  adatExchanges,
  base64Texts,
  chunkings,
  commands,
  dataTransfers,
  fuzzCaseArbitrary,
  lineTexts,
  protectedCommands,
  protectedReplies,
  replies,
  tokens,
} from '../../src/fuzz/arbitraries.js';
import { isMessage } from '../../src/fuzz/cases.js';
import { Choices, choicesFrom, octetsFrom, perform } from '../../src/fuzz/index.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { PskContext } from '../../src/mechanisms/psk/context.js';
import { pskAcceptor, pskInitiator } from '../../src/mechanisms/psk/index.js';
import { BlockReader } from '../../src/protection/data-block.js';
import type { SecurityContext } from '../../src/protection/mechanism.js';
import { unprotectCommand, unprotectReply } from '../../src/protection/protect.js';
import { parseAdatCommand, parseAdatReply } from '../../src/protection/security-data.js';
import { onlyRefuses } from '../helpers.js';
import { messageCases } from './case-lists.js';
import { PAIRS } from './own-peers.js';

const key = new Uint8Array(32).fill(3);
const krb5 = { enctype: 18, key, acceptorSubkey: false, sendSequence: 0, receiveSequence: 0 };
const x = { key, nonces: new Uint8Array(64) };

const CONTEXTS: [string, () => SecurityContext, () => SecurityContext][] = [
  ['Kerberos', () => krb5Context({ ...krb5, role: 'acceptor' }), () => krb5Context({ ...krb5, role: 'initiator' })],
  ['X-PSK', () => new PskContext({ ...x, role: 'acceptor' }), () => new PskContext({ ...x, role: 'initiator' })],
];

describe('valid texts', () => {
  it('replies, commands and lines can be read', () => {
    fc.assert(fc.property(replies(), it => void expect(parseReply(it).raw).toEqual(it)));
    fc.assert(fc.property(commands(), it => void expect(parseCommand(it).raw).toEqual(it)));
    fc.assert(fc.property(lineTexts(), it => void expect(it).not.toMatch(/[\r\n\0]/)));
  });

  it('chunks are the octets again', () => {
    const chunked = fc.uint8Array().chain(octets => chunkings(octets).map(chunks => ({ octets, chunks })));
    fc.assert(fc.property(chunked, ({ octets, chunks }) => void expect(concatAll(chunks)).toEqual(octets)));
  });

  it('base 64 is valid, or refused', () => {
    const valid = fc.sample(base64Texts(), 200).filter(it => onlyRefuses(() => decodeBase64(it)) !== undefined);
    expect(valid.length).toBeGreaterThan(50);
    expect(valid.length).toBeLessThan(200);
  });
});

describe.each(CONTEXTS)('what %s protects', (_, sender, recipient) => {
  const numRuns = 60;
  // 633 and CONF alone are taken only where no integrity is required.
  const options = { requireIntegrity: false };

  it('replies and commands are verified, and are what went in', () => {
    fc.assert(
      fc.property(protectedReplies(sender), ({ text, wire, level }) => {
        const { inner, level: applied } = unprotectReply(recipient(), parseReply(wire), options);
        expect([inner.raw, applied]).toEqual([text, level]);
      }),
      { numRuns },
    );
    fc.assert(
      fc.property(protectedCommands(sender), ({ text, wire, level }) => {
        const { inner, level: applied } = unprotectCommand(recipient(), parseCommand(wire), options);
        expect([inner.raw, applied]).toEqual([text, level]);
      }),
      { numRuns },
    );
  });

  it('tokens and transfers are what went in', () => {
    fc.assert(
      fc.property(tokens(sender), ({ level, plaintext, token }) => {
        expect(recipient().unwrap(token)).toMatchObject({ level, plaintext });
      }),
      { numRuns },
    );
    fc.assert(
      fc.property(dataTransfers(sender), ({ level, bufferSize, file, wire }) => {
        const reader = new BlockReader(recipient(), level, { bufferSize });
        reader.push(wire);
        const taken: Uint8Array[] = [];
        for (let text = reader.next(); text !== undefined; text = reader.next()) taken.push(text);
        reader.close();
        expect(concatAll(taken)).toEqual(file);
      }),
      { numRuns },
    );
  });
});

describe('exchanges', () => {
  const sides = (random: (length: number) => Uint8Array) => ({
    initiator: pskInitiator({ key, random }),
    acceptor: pskAcceptor({ key, random }),
  });

  it('of X-PSK go from AUTH to 235, each line as its side sends it', () => {
    fc.assert(
      fc.property(adatExchanges('X-PSK', sides), lines => {
        expect(lines.map(({ from }) => from)).toEqual(['client', 'server', 'client', 'server', 'client', 'server']);
        expect(parseCommand(lines[0]!.line).argument).toBe('X-PSK');
        expect(parseAdatCommand(parseCommand(lines[2]!.line)).token).toHaveLength(33);
        expect(parseAdatReply(parseReply(lines[3]!.line)).token).toHaveLength(64);
        expect(parseReply(lines[5]!.line).code).toBe(235);
      }),
      { numRuns: 5 },
    );
  });

  it('differ, and are the same from the same seed', () => {
    const sampled = () => fc.sample(adatExchanges('X-PSK', sides), { numRuns: 4, seed: 1 });
    expect(sampled()).toEqual(sampled());
    expect(new Set(sampled().map(lines => lines[2]!.line.join())).size).toBe(4);
  });

  it('must not be asynchronous', () => {
    const sides = () => ({ initiator: { step: async () => ({}) }, acceptor: pskAcceptor({ key }) });
    expect(() => fc.sample(adatExchanges('X', sides), 1)).toThrow(TypeError);
  });
});

describe('cases', () => {
  it('are plain data, and the same from the same seed', () => {
    const cases = [...messageCases({ seed: 5, layers: ['octets', 'token'], to: 'client', level: 'private' })];
    expect(JSON.parse(JSON.stringify(cases))).toEqual(cases);
    expect([...messageCases({ seed: 5, layers: ['octets', 'token'], to: 'client', level: 'private' })]).toEqual(cases);
    expect([...messageCases({ seed: 6, layers: ['octets', 'token'], to: 'client', level: 'private' })]).not.toEqual(
      cases,
    );
    expect(cases.every(({ to, level }) => to === 'client' && level === 'private')).toBe(true);
  });

  it('give the same octets each time', () => {
    const [, newPair] = PAIRS.find(([name]) => name.startsWith('aes128'))!;
    const layers = ['octets', 'lines', 'base64', 'inner', 'token', 'sequence'] as const;
    const arbitrary = fuzzCaseArbitrary({ layers }).filter(isMessage);
    fc.assert(
      fc.property(arbitrary, one => {
        const [first, second] = [0, 1].map(() => perform(one, newPair(one.to).session)?.chunks.map(toHex).join());
        expect(first === second).toBe(true);
      }),
    );
  });

  it('can be had of one side, level and layer', () => {
    const some = fc.sample(fuzzCaseArbitrary({ to: 'server', level: 'safe', layers: ['grammar'] }), 50);
    expect(some.every(it => it.to === 'server' && it.level === 'safe' && it.layer === 'grammar')).toBe(true);
    const sides = new Set(fc.sample(fuzzCaseArbitrary(), 100).map(({ to }) => to));
    expect(sides.size).toBe(2);
  });

  it('of exchanges, transfers and scripts can be had of one side', () => {
    const some = [
      ...fc.sample(fuzzCaseArbitrary({ to: 'server', layers: ['exchange'] }), 20),
      ...fc.sample(fuzzCaseArbitrary({ to: 'server', level: 'safe', layers: ['data'] }), 20),
      ...fc.sample(fuzzCaseArbitrary({ to: 'server', layers: ['phases'] }), 20),
    ];
    expect(new Set(some.map(({ layer }) => layer))).toEqual(new Set(['exchange', 'data', 'phases']));
    expect(some.every(({ to }) => to === 'server')).toBe(true);
    expect(some.every(one => one.layer !== 'data' || ('level' in one && one.level === 'safe'))).toBe(true);
  });

  it('are none where a layer has none for that peer', () => {
    expect(() => fuzzCaseArbitrary({ layers: ['outer'], to: 'server' })).toThrow(RangeError);
  });

  it('refuse an unknown name', () => {
    const [one] = messageCases();
    expect(() => perform({ ...one!, name: 'nothing' }, PAIRS[0]![1]('client').session)).toThrow(RangeError);
  });
});

describe('choices', () => {
  it('are all the simplest when there are none left', () => {
    const draw = new Choices([]);
    expect([draw.below(9), draw.of(['a', 'b']), draw.octets(2)]).toEqual([0, 'a', new Uint8Array(2)]);
  });

  it('give the same numbers and octets from the same seed', () => {
    expect(choicesFrom(1, 3)).toEqual(choicesFrom(1, 3));
    expect(octetsFrom(9)(40)).toEqual(octetsFrom(9)(40));
    expect(new Choices([5]).octets(16)).toEqual(new Choices([5]).octets(16));
    expect(new Set(choicesFrom(1, 1000)).size).toBe(1000);
  });
});
