/** The ledger of deviations is whole, and each capture that it names shows what it says. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../src/capture/index.js';
import { krb5, krb5Witness, parseKeytab } from '../src/mechanisms/krb5/index.js';
import { DEVIATIONS } from '../src/secure/deviations.js';

interface Entry {
  name: string;
  peer: string;
  what: string;
  capture: string | null;
}

const file = (name: string) => new URL(`../vectors/${name}`, import.meta.url);
const LEDGER: { tolerated: Entry[] } = JSON.parse(readFileSync(file('deviations.json'), 'utf8'));

describe('the ledger of deviations', () => {
  it('has each deviation once', () => {
    expect(LEDGER.tolerated.map(({ name }) => name)).toEqual([...DEVIATIONS]);
  });

  it.each(LEDGER.tolerated.filter(({ capture }) => capture !== null))('$capture shows $name', ({ name, capture }) => {
    const keytab = file(`captures/${capture}.keytab`);
    const keys = existsSync(keytab) ? parseKeytab(readFileSync(keytab)) : [];
    const mechanisms = [{ ...krb5, witness: () => krb5Witness(keys) }];
    const recording = readFileSync(file(`captures/${capture}.pcap`));
    const met = (tolerate?: []) =>
      verifyRecording(recording, { mechanisms, ...(tolerate && { tolerate }) }).records.filter(
        record => record.type === 'message' && record.tolerated.includes(name as never),
      );
    expect(met().length).toBeGreaterThan(0);
    expect(met([])).toEqual([]);
  });
});
