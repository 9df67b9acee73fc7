import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { verifyRecording } from 'rfc2228/capture';
import { krb5, parseKeytab } from 'rfc2228/krb5';

const keys = parseKeytab(readFileSync('vectors/captures/probe-heimdal-nomutual.keytab'));
const recording = readFileSync('vectors/captures/probe-heimdal-nomutual.pcap');
const { records } = verifyRecording(recording, { mechanisms: [krb5({ observer: { keys } })] });
const summary = records.at(-1);
assert(summary?.type === 'summary' && summary.verified === 7 && summary.failed === 0);
assert.deepEqual(summary.unread, {}); // packets that could not be read, by reason
