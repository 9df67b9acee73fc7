import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { verifyRecording } from 'rfc2228/capture';
import { krb5, parseKeytab } from 'rfc2228/krb5';

// A session between a client and Heimdal's ftpd, with the key of the service; both are in the package.
const file = (name: string) =>
  readFileSync(new URL(`vectors/captures/${name}`, import.meta.resolve('rfc2228/package.json')));
const keys = parseKeytab(file('probe-heimdal-nomutual.keytab'));
const recording = file('probe-heimdal-nomutual.pcap');

const { records } = verifyRecording(recording, { mechanisms: [krb5({ observer: { keys } })] });
for (const record of records) {
  if (record.type === 'message' && record.level !== 'clear')
    console.log(record.from, record.level, record.text?.trim());
}
const summary = records.at(-1);
assert(summary?.type === 'summary' && summary.verified === 7 && summary.failed === 0);
