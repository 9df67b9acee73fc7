/** The texts of `--help`: examples first. */
import { readFileSync } from 'node:fs';
import { mechanismHelp } from './mechanisms.js';

export type Subcommand = 'verify' | 'decode' | 'code' | 'keytab' | 'page' | 'fuzz';

export const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

export const HELP: Record<Subcommand | 'all', string> = {
  all: `rfc2228: the FTP security extensions (RFC 2228), on the command line

  rfc2228 verify session.pcap --keytab ftp.keytab    every protected command and reply, decoded and verified
  rfc2228 verify session.pcap --json                 the same, one JSON object per line
  rfc2228 decode "631 BQQF/wAMAAAAAAAA..."           what a line is, without any key
  rfc2228 code 534                                   what a reply code means
  rfc2228 keytab ftp.keytab                          which keys a keytab has
  rfc2228 page verify.html                           a page that verifies captures in a browser
  rfc2228 fuzz server 127.0.0.1:2121 ...             mutated commands for a server, mutated replies for a client

rfc2228 COMMAND --help tells more of each.`,

  verify: `rfc2228 verify FILE... [options]: verifies recorded sessions

  rfc2228 verify session.pcap --keytab ftp.keytab
  rfc2228 verify *.pcapng.gz captures/ --keytab ftp.keytab
  tcpdump -w - ... | rfc2228 verify - --keytab ftp.keytab
  rfc2228 verify session.pcap --key 18:6d4f...       a service's key itself, by enctype number
  rfc2228 verify session.pcap --strict               deviations that peers need become errors
  rfc2228 verify session.txt --keytab ftp.keytab     a text transcript: lines "C> ..." and "S> ...", "---" between
                                                     connections, "#" before remarks
Options
${mechanismHelp('verify')}
  --utc               times in UTC; without it in the time zone of this machine
  --errors            only what is wrong, and what was said around it
  --summary           no lines: who logged in, which files moved, findings, keys that are missing, totals
  --json              one JSON object per line (schema: rfc2228/transcript.schema.json)
  --html FILE         also write a page to look at the lines in a browser: one file ending in .html, which needs no network
  --extract DIR       write the files of data connections that were verified and are whole into DIR, and a manifest of all;
                      nothing is overwritten
  --fail-on RULE,...  findings of these rules are errors (exit status 1), or all that are high, medium or low and more severe; may
                      be repeated. An unknown rule lists all
  --jobs N            how many workers share the files, each with its own core; default by the cores and by how much there is. The
                      results and their order are the same. With --extract or standard input there is one
  --join              the files are one capture that was rotated; they are put in order by their times
  --strict            tolerate no deviation from RFC 2228
  --tolerate NAME     tolerate a deviation more than is usual, or a single one with --strict; may be repeated. wzdftpd
                      needs integrity-under-632 and unended-line-spans-outer
  --port N            a connection with this TCP port is a control connection, whatever it says; may be repeated. Others are
                      known by what they say, on any port
  --only-port         look at no connection without one of those ports

In the table C is the client and S the server; then come the level that the line claims and the verdict of its token. "gap": tokens
before it are missing, and no data connection accounts for them; "late": it was sent before one that came first.

A file is a capture (pcapng or pcap), as it is or compressed with gzip, or zstd where Node has it; or a text transcript. "-" is
standard input; of a directory every recording is read. Of several files each has a result, and the total follows. Packets that
can't be read are counted by reason, on standard error and in the summary. A capture may be larger than the memory: it is read in
passes, and only what belongs to connections that are open is kept. A recorded exchange is judged at its own time.

Exit status
  0  everything protected was verified, and no line or data connection has an error
  1  some line or data connection has an error, or a finding of --fail-on
  2  wrong usage, input that can't be read, a file that --extract can't write, or a fault of ours in some connection (the rest
     is there)
  3  no error, but something could not be checked: no key, an exchange that is not in the capture, a data connection that is
     not whole in it, tokens without a checksum, TLS, packets that can't be read, no control connection at all, or a --port
     that nothing has
  130  interrupted by Ctrl-C: what was read until then is there, with its summary`,

  decode: `rfc2228 decode [LINE | -]: says what a line is, without keys

  rfc2228 decode "MIC BQQE/wAMAAAAAAAAB1KtIlVTRVIgZnRw..."
  rfc2228 decode "235 ADAT=YIGZBgkqhkiG9xIBAgICAG+BiTCB..."
  rfc2228 decode < control-lines.txt                 every line of standard input

--json gives one object for each line, with the token's parts as the mechanism describes them.

Exit status 0; 1 when a line can't be decoded; 2 for wrong usage.`,

  code: `rfc2228 code N: says what a reply code means

  rfc2228 code 534
  rfc2228 code 10054                                 an error number of Winsock, as FTP clients show it

--json gives the same as an object.`,

  keytab: `rfc2228 keytab FILE: lists the keys of a keytab, without the keys themselves

  rfc2228 keytab /etc/krb5.keytab

--json gives one object for each key.`,

  page: `rfc2228 page FILE: writes a page that verifies captures in a browser, without this command

  rfc2228 page verify.html

Drop captures and keytabs on the page. It makes no connections, so the files never leave the machine. It opens Kerberos V5 with
AES and RC4, GSI with a key log, and X-PSK. Other encryption types and KERBEROS_V4 need ciphers that only Node has.

FILE ends in .html. To look at what was verified here, use rfc2228 verify --html.`,

  fuzz: `rfc2228 fuzz server | client | corpus: mutated messages for clients and servers, behind the cryptography

  rfc2228 fuzz server 127.0.0.1:2121 --mechanism krb5 --ccache user.cc --user anna
  rfc2228 fuzz client --listen 2121 --mechanism krb5 --keytab ftp.keytab
  rfc2228 fuzz client --listen 0 --mechanism psk --key key.hex --exec './client 127.0.0.1 $PORT < commands'
  rfc2228 fuzz server 127.0.0.1:2121 --mechanism psk --key key.hex --only sequence --only level --time 600
  rfc2228 fuzz server 127.0.0.1:2121 --mechanism psk --key key.hex --replay findings/server-sequence-....json
  rfc2228 fuzz corpus seeds                          seed files for other fuzzers (AFL, libFuzzer)

fuzz server HOST:PORT plays the client. First comes a valid session, and a command that the server accepts: without these there
is nothing to be found, and the exit status is 2. Every case is a connection of its own: the exchange, valid commands, the
mutated one, and a valid one behind it. The answers show whether the server accepted it, refused it (and by which code), or
ignored it, and whether the server has ended the connection, hangs, or has crashed. The layer exchange mutates the exchange
itself. A case of a data connection stores a valid file first, and then a mutated one, both called rfc2228-fuzz; where it may be
accepted, the file is fetched again.

fuzz client --listen [HOST:]PORT plays the server for each client that connects, and mutates one reply. The first connections
show what the client does with a conforming server: if it does the same behind a reply that it must refuse, or prints its text,
it has accepted it. A case of a data connection mutates the first listing or file that the client fetches under PROT; what it
stores is checked against the rules.

The mechanism
${mechanismHelp('fuzz')}
The target
  --exec COMMAND      starts it for each case by the shell, and sees its output, how it ends, and what a sanitizer writes. A
                      client finds its port in $PORT, 0 as the port to listen on takes any
  --user NAME         for USER, default anonymous; --password-file FILE where PASS is asked for (server)
  --at N              mutate the reply to the N-th protected command, or the first transfer from there on; default the first
                      whose reply the client prints, or acts upon (client)
  --limit MS          how long any answer may take, default 2000; after that a target hangs
  --i-own-this-target fuzzes what is not on this host
The cases
  --only LAYER        octets, lines, grammar, outer, base64, fragments, inner, token, sequence, direction, level, exchange,
                      phases or data; may be repeated
  --level LEVEL       safe or private alone
  --seed N            the same seed (default 2228) gives the same cases
  --time SECONDS, --cases N  when to end; default 60 seconds. Ctrl-C ends as well, with the totals
  --rate N            cases in a second at the most, default 50
  --replay PATH       plays the cases of a reproducer, or of a folder of them, and nothing else, each at its own command unless
                      --at names one
What it tells
  --json              one JSON object per line: each case, each finding, a summary
  --out DIR           where each finding is written to, made small, as a reproducer; default findings

Each finding has a severity: high lets an attacker change what happens, or stops the peer; medium is a rule broken; low is a
liberty or an oddity. Findings are, above all, what was accepted though it must be refused: an association without a valid
exchange, unverified text, replays, reflections, untimely or clear text, a lower level, malformed tokens and text, data that is
truncated, malformed or out of order. Then: hanging, crashing, ending the connection where a reply is due, clear or weak replies,
bad commands or data given, going on in the clear, other codes than RFC 2228 has, and valid text or exchanges refused.

fuzz corpus DIR [--seed N] writes what the cases come to under known keys: DIR/client has what a client reads, DIR/server what a
server reads, DIR/data what comes on a data connection, and DIR/client-exchange and DIR/server-exchange what comes before an
association. One case is one file, named by its content; DIR/index.jsonl tells of each file the rule that it breaks, what a
conforming peer must do, the keys of the session, for a harness that holds them, and for a line out of order where the session must
have come to before it.

Exit status
  0  nothing was found
  1  something was found
  2  wrong usage, or a target that takes no part`,
};
