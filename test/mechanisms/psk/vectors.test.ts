/** X-PSK against octets that an implementation of its own made: see vectors/psk/README.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/bytes.js';
import { establish } from '../../../src/mechanisms/conformance.js';
import type { Role } from '../../../src/mechanisms/psk/context.js';
import { pskAcceptor, pskInitiator, pskObserver } from '../../../src/mechanisms/psk/index.js';
import type { TokenLevel } from '../../../src/protection/protection-level.js';

interface Vector {
  name: string;
  key: string;
  initiator_nonce: string;
  acceptor_nonce: string;
  security_data: [string, string, string];
  tokens: { from: Role; level: TokenLevel; number: string; plaintext: string; token: string }[];
}

const file = new URL('../../../vectors/psk/x-psk.json', import.meta.url);
const { cases }: { cases: Vector[] } = JSON.parse(readFileSync(file, 'utf8'));
const other = { initiator: 'acceptor', acceptor: 'initiator' } as const;

describe.each(cases)('X-PSK vectors: $name', vector => {
  const key = fromHex(vector.key);
  const exchange = () => ({
    initiator: pskInitiator({ key, random: () => fromHex(vector.initiator_nonce) }),
    acceptor: pskAcceptor({ key, random: () => fromHex(vector.acceptor_nonce) }),
  });

  test('the exchange', async () => {
    const { initiator, acceptor } = exchange();
    const opening = await initiator.step();
    const answer = await acceptor.step(opening.token);
    const confirmation = await initiator.step(answer.token);
    const tokens = [opening, answer, confirmation].map(({ token }) => toHex(token!));
    expect(tokens).toEqual(vector.security_data);
    expect(await acceptor.step(confirmation.token)).toHaveProperty('context');
  });

  test('every token opens', async () => {
    const pair = await establish(exchange());
    for (const { from, level, plaintext, token } of vector.tokens) {
      const opened = pair[other[from]].unwrap(fromHex(token));
      expect(opened).toMatchObject({ plaintext: fromHex(plaintext), level });
    }
  });

  test('and to an observer', () => {
    const observer = pskObserver({ keys: [key] });
    const [opening, answer, confirmation] = vector.security_data.map(fromHex);
    observer.observe('client', opening!);
    observer.observe('server', answer!);
    const { fromClient, fromServer } = observer.observe('client', confirmation!);
    const contexts = { initiator: fromClient!, acceptor: fromServer! };
    for (const { from, level, plaintext, token } of vector.tokens) {
      expect(contexts[from].unwrap(fromHex(token))).toMatchObject({ plaintext: fromHex(plaintext), level });
    }
  });

  // A context starts at number 0: to count up to the high numbers takes too long.
  test.runIf(vector.tokens[0]?.number === '0')('every token is made', async () => {
    const pair = await establish(exchange());
    for (const { from, level, plaintext, token } of vector.tokens) {
      const wrapped = pair[from].wrap(fromHex(plaintext), level);
      expect({ ...wrapped, token: toHex(wrapped.token) }).toEqual({ token, level });
    }
  });
});
