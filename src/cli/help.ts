/** What `--help` says: examples first. */
import { readFileSync } from 'node:fs';

export type Subcommand = 'verify' | 'decode' | 'code' | 'keytab' | 'fuzz';

export const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

export const HELP: Record<Subcommand | 'all', string> = {
  all: `rfc2228: the FTP security extensions (RFC 2228), on the command line

  rfc2228 verify session.pcap --keytab ftp.keytab    every protected command and reply, decoded and verified
  rfc2228 verify session.pcap --json                 the same, one JSON object per line
  rfc2228 decode "631 BQQF/wAMAAAAAAAA..."           what a line is, without any key
  rfc2228 code 534                                   what a reply code means
  rfc2228 keytab ftp.keytab                          which keys a keytab has
  rfc2228 fuzz corpus seeds                          seed files for other fuzzers

rfc2228 COMMAND --help tells more of each.`,

  verify: `rfc2228 verify FILE... [options]: verifies recorded sessions

  rfc2228 verify session.pcap --keytab ftp.keytab
  rfc2228 verify session.pcap --key 18:6d4f...       a service's key itself, by enctype number
  rfc2228 verify session.pcap --strict               deviations that peers need become errors
  rfc2228 verify session.txt --keytab ftp.keytab     a text transcript: lines "C> ..." and "S> ...", "---" between
                                                     connections, "#" before remarks
Options
  --keytab FILE       keys of services, from a keytab; may be repeated
  --srvtab FILE       keys of services for KERBEROS_V4, which is weak; may be repeated
  --key ETYPE:HEX     a key of a service; may be repeated
  --json              one JSON object per line (schema: rfc2228/transcript.schema.json)
  --strict            tolerate no deviation from RFC 2228
  --port N            only connections with this TCP port; may be repeated. Without it, control connections are known by
                      what they say, on any port

A file is a capture (classic pcap) or a text transcript. A recorded exchange is judged at its own time.

Exit status
  0  everything protected was verified, and no line has an error
  1  some line has an error
  2  wrong usage, or input that can't be read
  3  no error, but something could not be verified for want of a key`,

  decode: `rfc2228 decode [LINE | -]: says what a line is, without keys

  rfc2228 decode "MIC BQQE/wAMAAAAAAAAB1KtIlVTRVIgZnRw..."
  rfc2228 decode "235 ADAT=YIGZBgkqhkiG9xIBAgICAG+BiTCB..."
  rfc2228 decode < control-lines.txt                 every line of standard input

Exit status 0; 1 when a line can't be decoded; 2 for wrong usage.`,

  code: `rfc2228 code N: says what a reply code means

  rfc2228 code 534
  rfc2228 code 10054                                 an error number of Winsock, as FTP clients show it`,

  keytab: `rfc2228 keytab FILE: lists the keys of a keytab, without the keys themselves

  rfc2228 keytab /etc/krb5.keytab`,

  fuzz: `rfc2228 fuzz corpus DIR [--seed N]: writes seed files for other fuzzers (AFL, libFuzzer)

  rfc2228 fuzz corpus seeds
  afl-fuzz -i seeds/client -o findings -- ./client   a client that reads replies from standard input

DIR/client has what a client reads, DIR/server what a server reads, DIR/data what comes on a data connection. One case is
one file, named by its content; DIR/index.jsonl tells of each file the rule that it breaks, what a sound peer must do, and
the keys of the session, for a harness that holds them. The same seed (default 2228) gives the same files.`,
};
