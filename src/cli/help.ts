/** The texts of `--help`: examples first. */
import { readFileSync } from 'node:fs';
import { mechanismHelp } from './mechanism-options.js';

export type Subcommand = 'verify' | 'decode' | 'code' | 'keytab' | 'page' | 'fuzz' | 'completion';

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
  rfc2228 completion bash                            completion for bash, zsh or fish

rfc2228 COMMAND --help explains each command, and rfc2228 --version shows the version.`,

  verify: `rfc2228 verify FILE... [options]: verifies recorded sessions

  rfc2228 verify session.pcap --keytab ftp.keytab
  rfc2228 verify *.pcapng.gz captures/ --keytab ftp.keytab
  tcpdump -w - ... | rfc2228 verify - --keytab ftp.keytab
  rfc2228 verify session.pcap --key 18:6d4f...       the key of a service in hex, after its enctype number
  rfc2228 verify session.pcap --strict               deviations that peers need become errors
  rfc2228 verify --merge results/*.ndjson            one report of the results of several runs with --json
  rfc2228 verify session.txt --keytab ftp.keytab     a text transcript: lines "C> ..." and "S> ...", "---" between
                                                     connections, "#" before remarks
Options
${mechanismHelp('verify')}
  --utc               times in UTC; without it in the time zone of this machine
  --errors            show only lines with errors and, in the table, the lines around them
  --summary           show no lines, but who logged in, which files were transferred, findings, missing keys, and totals
  --json              one JSON object per line in place of the table, with times in UTC (schema: rfc2228/transcript.schema.json)
  --html FILE         also write a page that shows the lines in a browser: one file ending in .html, which needs no network
  --extract DIR       write the files of the data connections that are verified and complete to DIR, with a manifest of all;
                      nothing is overwritten
  --fail-on RULE,...  treat findings of these rules as errors (exit status 1); high, medium or low means all findings of at least
                      that severity. May be repeated. An unknown rule gives the list of all
  --jobs N            number of workers that share the files, each on a core of its own; default by the cores and the size of the
                      files. The results and their order are the same. With --extract or standard input there is one
  --join              the files are parts of one capture, e.g. rotated, or of several taps; packets are put in order by their times
  --merge             the files are results of earlier runs with --json, but not --summary or --errors, e.g. on other machines: show
                      them as those of one run. A recording without the end of its result is unfinished (exit status 3); of several
                      results of a recording one counts. It takes only options of the output, of which --fail-on has to be given again
  --strict            tolerate no deviation from RFC 2228
  --tolerate NAME     also tolerate this deviation; with --strict, tolerate only those that are named. May be repeated. wzdftpd
                      needs integrity-under-632 and unended-line-spans-outer
  --port N            a connection with this TCP port is a control connection, whatever its content; may be repeated. Other
                      control connections are recognised by their content, on any port
  --only-port         ignore all connections without one of those ports

In the table, # is the number of the connection, and line that of the line in it, as findings name it. C is the client, S the server.
The level that the line claims and the verdict of its token follow. "gap" means that tokens before it are missing, and that no data connection has them; "late" means that it
was sent before a token that arrived earlier. Colours are used on a terminal only, and not where NO_COLOR is set.

A file is a capture (pcapng or pcap), which may be compressed with gzip, or with zstd, xz, bzip2 or lz4 if the program of that name is
installed; or packets in hex, as tcpdump -X or tshark -x prints them; or a text transcript, which may be what Wireshark's "Follow TCP
Stream" has saved, or what curl -v, ftp -d -v or yafc's trace has printed.
"-" is standard input. A directory means every recording in it. With several files, each has a result, and the total comes last.
Packets that can't be read are counted by reason, on standard error and in the summary. A capture may be larger than the memory: it
is read in passes, and only the data of open connections is kept. A recorded exchange is judged at its own time.

Exit status
  0  everything protected was verified, and no line or data connection has an error
  1  a line or data connection has an error, or there is a finding of --fail-on
  2  wrong usage, input that can't be read, a file that --extract can't write, or an internal error in one connection (the results
     of the others are shown)
  3  no error, but something could not be checked: a missing key, an exchange or lines that are not in the capture, a protected transfer
     whose data connection is incomplete in the capture, or missing, tokens without a checksum, TLS, packets that can't be
     read, no control connection at all, no connection with the port of --port, or an unfinished recording of --merge
  130  interrupted by Ctrl-C: the results up to then are shown, with their summary
  141  the reader of the output has gone, as head does: nothing is known of the rest`,

  decode: `rfc2228 decode [LINE | -]: shows what a line contains, without keys

  rfc2228 decode "MIC BQQE/wAMAAAAAAAAB1KtIlVTRVIgZnRw..."
  rfc2228 decode "235 ADAT=YIGZBgkqhkiG9xIBAgICAG+BiTCB..."
  rfc2228 decode < control-lines.txt                 every line of standard input; blank lines of a text file are skipped

--json gives one object for each line, with the token's parts as the mechanism describes them.

Exit status 0; 1 if a line can't be decoded; 2 for wrong usage, and if there is no line.`,

  code: `rfc2228 code N: explains a reply code

  rfc2228 code 534
  rfc2228 code 10054                                 an error number of Winsock, as FTP clients show it

--json gives the same as an object.

Exit status 0; 2 for wrong usage.`,

  keytab: `rfc2228 keytab FILE: lists the keys of a keytab, without the keys themselves

  rfc2228 keytab /etc/krb5.keytab

--json gives one object for each key.

Exit status 0; 2 for wrong usage, or a file that can't be read or is not a keytab.`,

  page: `rfc2228 page FILE: writes a page that verifies captures in a browser, without this command

  rfc2228 page verify.html

Drop captures and keytabs on the page. It makes no connections, so the files never leave the machine. It opens Kerberos V5 with
AES and RC4, GSI with a key log, and X-PSK. Other encryption types and KERBEROS_V4 need ciphers that only Node has.

FILE ends in .html. To look at what was verified here, use rfc2228 verify --html.

Exit status 0; 2 for wrong usage, or a file that can't be written.`,

  fuzz: `rfc2228 fuzz server | client | corpus: sends clients and servers mutated messages with valid cryptography

  rfc2228 fuzz server 127.0.0.1:2121 --mechanism krb5 --ccache user.cc --user anna
  rfc2228 fuzz client --listen 2121 --mechanism krb5 --keytab ftp.keytab
  rfc2228 fuzz client --listen 0 --mechanism psk --key key.hex --exec './client 127.0.0.1 $PORT < commands'
  rfc2228 fuzz server 127.0.0.1:2121 --mechanism psk --key key.hex --only sequence --only level --time 600
  rfc2228 fuzz server 127.0.0.1:2121 --mechanism psk --key key.hex --replay findings/server-sequence-....json
  rfc2228 fuzz corpus seeds                          seed files for other fuzzers (AFL, libFuzzer)

fuzz server HOST:PORT plays the client. It first performs a valid session with a command that the server accepts. If that fails,
nothing can be tested, and the exit status is 2. Each case has a connection of its own: the exchange, valid commands, the mutated
one, and another valid one. The replies show whether the server accepted the mutated command, refused it (and with which code) or
ignored it, and whether the server ended the connection, hangs, or has crashed. The layer exchange mutates the exchange itself. A
case of a data connection first stores a valid file, and then a mutated one, both named rfc2228-fuzz; if the server may have
accepted that, the file is retrieved again.

fuzz client --listen [HOST:]PORT plays the server for each client that connects, and mutates one reply. The first connections
show what the client does with a conforming server. If it does the same after a reply that it must refuse, or prints its text, it
has accepted that reply. A case of a data connection mutates the first listing or file that the client retrieves under PROT; what
the client stores is checked against the rules.

The mechanism
${mechanismHelp('fuzz')}
The target
  --exec COMMAND      start the target for each case with the shell; its output, its end and the reports of sanitizers are
                      observed. A client gets the port in $PORT; port 0 to listen on means any free port
  --user NAME         for USER, default anonymous; --password-file FILE if the server asks for PASS (server)
  --at N              mutate the reply to the N-th protected command, or the first transfer from there on; default the first
                      command whose reply the client prints, or reacts to (client)
  --limit MS          how long any answer may take, default 2000; after that the target hangs
  --i-own-this-target
                      permit a target on another host
The cases
  --only LAYER        octets, lines, grammar, outer, base64, fragments, inner, token, sequence, direction, level, exchange,
                      phases or data; may be repeated
  --level LEVEL       only safe, or only private
  --seed N            the same seed (default 2228) gives the same cases
  --time SECONDS, --cases N  when to end; default 60 seconds. Ctrl-C also ends the run, with its totals
  --rate N            most cases in a second, default 50
  --replay PATH       play only the cases of a reproducer, or of a folder of reproducers, each at its own command unless --at
                      names one
Output
  --json              one JSON object per line: each case, each finding, a summary
  --out DIR           folder for the findings, which are minimised and written as reproducers; default findings

Each finding has a severity: high lets an attacker change what happens, or stops the peer; medium is a broken rule; low is a
tolerance or an oddity. Most findings are messages that the peer accepted and must refuse: an association without a valid exchange,
unverified text, replays, reflections, untimely or clear text, a lower level, malformed tokens and text, data that is truncated,
malformed or out of order. The others: the peer hangs, crashes, ends the connection when a reply is due, sends clear or weak
replies, bad commands or bad data, continues in the clear, gives other codes than RFC 2228 has, or refuses valid text or a valid
exchange.

fuzz corpus DIR [--seed N] writes the octets of the cases under known keys. DIR/client has the input of clients, DIR/server that of
servers, DIR/data that of data connections, and DIR/client-exchange and DIR/server-exchange the input before an association. Each
case is one file, named by its content. DIR/index.jsonl has for each file the rule that it breaks, what a conforming peer must do,
the keys of the session, and, for a line out of order, the point that the session must reach before it.

Exit status
  0  nothing was found
  1  something was found
  2  wrong usage, or a target that can't be tested`,

  completion: `rfc2228 completion bash | zsh | fish: writes a script that completes commands, options and file names

  eval "$(rfc2228 completion bash)"                  in ~/.bashrc
  eval "$(rfc2228 completion zsh)"                   in ~/.zshrc, after compinit
  rfc2228 completion fish | source                   in ~/.config/fish/config.fish`,
};
