/** Commands and replies between client and server over loopback, beside lines over TLS of Node. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { krb5, krb5Initiator } from '../../src/mechanisms/krb5/index.js';
import { ClientControl, ServerControl } from '../../src/node/index.js';
import { clearEnds, tlsEnds } from './loopback.js';
import type { Row, Side } from './measure.js';
import { benchRealm } from './realm.js';

const COMMAND = 'SIZE a-file.txt\r\n';
const [CODE, TEXT] = [213, '1234567'];
const REPLY = `${CODE} ${TEXT}\r\n`;

/** Commands before the first that is measured: they run through so much code that it takes as many until all is compiled. */
const WARM = 20_000;

/** Sends as many commands as it is told, and waits for their replies. */
type Talk = (commands: number) => Promise<void>;

/** A connection that is ready for commands. */
interface Session {
  talk: Talk;
  close(): void;
}

export function socketRows(): Row[] {
  return [
    row('a command and its reply', 1, { TLS: 2 }),
    // Each line is a token of its own (RFC 2228 §3), where TLS puts all 50 into one record: there is no goal.
    row('50 commands at once and their replies', 50),
  ];
}

function row(name: string, commands: number, goals?: Row['goals']): Row {
  return {
    name: `${name} over loopback, client and server, enctype 18`,
    sides: [side('ours', protectedSession, commands), side('TLS', tlsSession, commands)],
    ...(goals && { goals }),
  };
}

function side(name: string, open: () => Promise<Session>, commands: number): Side {
  let session: Session | undefined;
  return {
    name,
    async prepare() {
      if (session !== undefined) return;
      session = await open();
      for (let sent = 0; sent < WARM; sent += commands) await session.talk(commands);
    },
    async run(count) {
      for (let i = 0; i < count; i++) await session!.talk(commands);
    },
    end: () => session?.close(),
  };
}

async function protectedSession(): Promise<Session> {
  const { keytab, credential } = benchRealm(18);
  const { client, server, close } = await clearEnds();
  const mechanisms = [krb5({ acceptor: { keytab } })];
  serve(new ServerControl(server, { mechanisms })).catch(() => {}); // it ends with the connection
  const exchange = krb5Initiator({ credentials: [credential], service: 'ftp@host.example.test', enctypes: [] });
  const control = new ClientControl(client, { mechanism: 'GSSAPI', exchange });
  control.on('error', () => {}); // as above
  await control.start();
  control.read(); // the greeting
  control.write('USER anna\r\n'); // the time to log in is limited
  await once(control, 'readable');
  control.read();
  return { talk: talkOver(control), close };
}

async function serve(control: ServerControl): Promise<void> {
  await control.reply(220, 'Ready');
  for await (const event of control) await control.reply(CODE, TEXT, event);
}

async function tlsSession(): Promise<Session> {
  const { client, server, close } = await tlsEnds();
  let rest = '';
  server.on('data', chunk => {
    const lines = `${rest}${chunk}`.split('\r\n');
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('SIZE ')) server.write(REPLY);
  });
  return { talk: talkOver(client), close };
}

function talkOver(stream: Duplex): Talk {
  let [due, done] = [0, () => {}];
  stream.on('data', (replies: Uint8Array) => {
    due -= replies.length;
    if (due < 0) throw new Error('more replies than commands');
    if (due === 0) done();
  });
  return commands =>
    new Promise(resolve => {
      [due, done] = [commands * REPLY.length, resolve];
      for (let i = 0; i < commands; i++) stream.write(COMMAND);
    });
}
