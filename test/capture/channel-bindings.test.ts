/** What recorded clients sent as channel bindings is what an acceptor takes that knows the addresses of the connection. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { toHex } from '../../src/bytes.js';
import { verifyRecording } from '../../src/capture/index.js';
import { acceptableBindings } from '../../src/mechanisms/krb5/exchange/channel-bindings.js';
import { krb5, krb5Observer, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { octetsOfAddress } from '../../src/node/channel.js';
import { nodeCiphers } from '../../src/node/index.js';

const FOLDER = new URL('../../vectors/captures/', import.meta.url);
const names = readdirSync(FOLDER)
  .filter(file => file.endsWith('.keytab'))
  .map(file => file.slice(0, -'.keytab'.length))
  .filter(name => existsSync(new URL(`${name}.pcap`, FOLDER)));

const NONE = 'none';
const seen = new Set<unknown>();

test.each(names)('%s', name => {
  const keys = parseKeytab(readFileSync(new URL(`${name}.keytab`, FOLDER)));
  const sent: unknown[] = [];
  const watched = () => {
    const observer = krb5Observer({ keys, ciphers: nodeCiphers });
    const observe: typeof observer.observe = (from, token) => {
      const step = observer.observe(from, token);
      if (from === 'client' && step.facts.clientName !== undefined) sent.push(step.facts['bindings'] ?? NONE);
      return step;
    };
    return { observe };
  };
  const recording = readFileSync(new URL(`${name}.pcap`, FOLDER));
  const { records } = verifyRecording(recording, { mechanisms: [{ ...krb5(), observer: watched }] });
  for (const record of records) {
    if (record.type !== 'connection') continue;
    const [initiator, acceptor] = [record.client, record.server].map(it =>
      octetsOfAddress(it!.slice(0, it!.lastIndexOf(':'))),
    );
    const taken = acceptableBindings({ initiator: initiator!, acceptor: acceptor! }).map(toHex);
    // All of one recording are between the same addresses.
    for (const bindings of sent) expect([NONE, ...taken]).toContain(bindings);
  }
  for (const bindings of sent) seen.add(bindings);
});

test('there are all kinds: those of MIT and Heimdal, those of curl, none', () => {
  expect([...seen].sort()).toEqual(['b2682ad188190ceba548b386e7ca4fab', 'b4cede9aefa9e053aa8efe1f90fdb854', NONE]);
});
