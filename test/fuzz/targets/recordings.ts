/** Captures and text transcripts give records that are well-formed, a summary last, or are refused by FtpSecurityError; nothing is verified without a key. */
import { readFileSync } from 'node:fs';
import { verifyRecording } from '../../../src/capture/index.js';
import { krb5, parseKeytab } from '../../../src/mechanisms/krb5/index.js';
import { attempt, hold, octets, type Target } from './target.js';

const CAPTURES = new URL('../../../vectors/captures/', import.meta.url);
const fileOf = (name: string) => new Uint8Array(readFileSync(new URL(name, CAPTURES)));
const NAMES = ['probe-heimdal-nomutual', 'krb5ftp-noauth-plain'];

/** With a key that no recording has, all of it; and without any. */
function run(input: Uint8Array): void {
  const keys = NAMES.map(name => parseKeytab(fileOf(`${name}.keytab`)));
  const keyed = attempt(() => verifyRecording(input, { mechanisms: [krb5({ observer: { keys: keys.flat() } })] }));
  const unkeyed = attempt(() => verifyRecording(input, { mechanisms: [] }));
  hold('error' in keyed === 'error' in unkeyed, 'a recording that keys make readable');
  if ('error' in keyed || 'error' in unkeyed) return;
  const [last] = keyed.value.records.slice(-1);
  hold(last?.type === 'summary', 'no summary at the end');
  hold(!unkeyed.value.records.some(it => it.type === 'message' && it.verdict === 'verified'), 'verified without a key');
  hold(
    keyed.value.records.every(it => it.type !== 'message' || (it.plain_hex === null) === (it.verdict !== 'verified')),
    'text that was not verified',
  );
}

const text = (...lines: string[]) => octets(lines.join('\n'));

export const recordings: Target = {
  name: 'recordings',
  invariant: 'a summary is last, and no text is shown but verified text; only FtpSecurityError escapes',
  run,
  seeds: [
    ...NAMES.map(name => fileOf(`${name}.pcap`)),
    text(
      'S> 220 hi',
      'C> AUTH GSSAPI',
      'S> 334 go',
      'C> ADAT AAAA',
      'S> 235 ADAT=AAAA',
      'C> MIC AAAA',
      'S> 631 AAAA',
      'S> 200 clear',
    ),
    text('S> 220-a', 'S>  b', 'S> 220 c', '---', '# x', '', 'C> CCC', 'S> 632-AAAA', 'S> 632 AAAA'),
  ],
  words: ['S> ', 'C> ', '\n', '---\n', '631 ', '632-', '235 ADAT=', 'AUTH GSSAPI', 'ADAT '],
};
