/** The ledger of deviations is whole, and each capture that it names shows what it says. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../src/capture/index.js';
import { krb5, parseKeytab } from '../src/mechanisms/krb5/index.js';
import { DEVIATIONS, type Deviation, OPTIONAL_DEVIATIONS } from '../src/protection/deviations.js';
import { DIFFERENCES } from './interop/differences.js';
import { TRANSITED_DIFFERENCES } from './interop/transited-differences.js';

interface Entry {
  name: Deviation;
  peer: string;
  what: string;
  capture: string | null;
}

const file = (name: string) => new URL(`../vectors/${name}`, import.meta.url);
const LEDGER: { tolerated: Entry[]; understood: Omit<Entry, 'name'>[]; verdicts: { name?: string }[] } = JSON.parse(
  readFileSync(file('deviations.json'), 'utf8'),
);

describe('the ledger of deviations', () => {
  it('has each deviation once', () => {
    expect(LEDGER.tolerated.map(({ name }) => name)).toEqual([...DEVIATIONS, ...OPTIONAL_DEVIATIONS]);
  });

  it('has each difference that live runs know', () => {
    const names = LEDGER.verdicts.flatMap(({ name }) => name ?? []);
    const known = [DIFFERENCES, ...Object.values(TRANSITED_DIFFERENCES)].flatMap(its => Object.keys(its));
    expect(names.sort()).toEqual([...new Set(known)].sort());
  });

  it('has none that nothing tolerates', () => {
    const src = fileURLToPath(new URL('../src', import.meta.url));
    const accepting = readdirSync(src, { recursive: true, encoding: 'utf8' })
      .filter(name => /^(protection|session)\/.*\.ts$/.test(name) && name !== 'protection/deviations.ts')
      .map(name => readFileSync(`${src}/${name}`, 'utf8'))
      .join('\n');
    expect(LEDGER.tolerated.filter(({ name }) => !accepting.includes(`'${name}'`))).toEqual([]);
  });

  it('names captures that are there', () => {
    for (const { capture } of [...LEDGER.tolerated, ...LEDGER.understood]) {
      if (capture !== null) expect(existsSync(file(`captures/${capture}.pcap`)), capture).toBe(true);
    }
  });

  it.each(LEDGER.tolerated.filter(({ capture }) => capture !== null))('$capture shows $name', ({ name, capture }) => {
    const keytab = file(`captures/${capture}.keytab`);
    const keys = existsSync(keytab) ? parseKeytab(readFileSync(keytab)) : [];
    const mechanisms = [krb5({ observer: { keys } })];
    const recording = readFileSync(file(`captures/${capture}.pcap`));
    const met = (tolerate?: Deviation[]) =>
      verifyRecording(recording, { mechanisms, ...(tolerate && { tolerate }) }).records.filter(
        record => record.type === 'message' && record.tolerated.includes(name),
      );
    const isOptional = OPTIONAL_DEVIATIONS.some(optional => optional === name);
    expect(met([...DEVIATIONS, ...OPTIONAL_DEVIATIONS]).length).toBeGreaterThan(0);
    expect(met().length > 0).toBe(!isOptional);
    expect(met([])).toEqual([]);
  });
});
