/** Verifies a session with Heimdal's ftpd by the key of the service; both files are in the package. */
import { readFileSync } from 'node:fs';
import { verifyRecording } from 'rfc2228/capture';
import { krb5, parseKeytab } from 'rfc2228/krb5';

const folder = new URL('vectors/captures/', import.meta.resolve('rfc2228/package.json'));
const keys = parseKeytab(readFileSync(new URL('probe-heimdal-nomutual.keytab', folder)));
const recording = readFileSync(new URL('probe-heimdal-nomutual.pcap', folder));
const { records } = verifyRecording(recording, { mechanisms: [krb5({ observer: { keys } })] });
for (const record of records) {
  if (record.type === 'message' && record.verdict === 'verified')
    console.log(record.from, record.level, record.text?.trim());
  if (record.type === 'summary') console.log(record.verified, 'verified,', record.failed, 'failed'); // 7 verified, 0 failed
}
