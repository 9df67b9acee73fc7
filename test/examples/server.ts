/** An FTP server with Kerberos authentication. It serves one folder to users with a ticket; there are no passwords. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { CommandEvent, ExchangeFacts } from 'rfc2228';
import { krb5 } from 'rfc2228/krb5';
import { defaultKeytab, protectData, ServerControl, type ServerControlOptions, unprotectData } from 'rfc2228/node';
import { type Answer, FtpService, type FtpServiceOptions } from './ftp-service.js';

export interface FtpServerOptions
  extends ServerControlOptions,
    Pick<FtpServiceOptions, 'folder' | 'announce' | 'commands'> {
  /** Whether the authenticated client (`facts.clientName`) may log in as this user. */
  mayLogIn(user: string, facts: ExchangeFacts): boolean;
  /** Limit in milliseconds for the next command, for opening a data connection, and for an idle data connection. */
  timeout: number;
  /** Called for each command, reply and error, for a log. */
  heard?(event: CommandEvent): void;
  replied?(answer: Answer): void;
  failed?(what: string, error: Error): void;
}

/** Serves one client until QUIT or the end of the connection. @throws the errors of ServerControl */
export async function serve(socket: Socket, options: FtpServerOptions): Promise<void> {
  const control = new ServerControl(socket, {
    ...options,
    association: event => {
      service.logOut(); // RFC 2228 §3: a login belongs to the association it was made under
      options.association?.(event);
    },
  });
  const { session } = control;
  const service = new FtpService(socket, {
    ...options,
    mayLogIn: user => options.mayLogIn(user, session.facts),
    // File contents, protected at the level that PROT has set.
    outgoing: () => protectData(session.dataWriter()),
    incoming: () => unprotectData(session.dataReader()),
  });
  const reply = async (answer: Answer, to?: CommandEvent) => {
    options.replied?.(answer);
    await control.reply(...answer, to);
  };
  await reply([220, 'Ready']);
  try {
    for await (const event of control) {
      const { verb, argument } = event.command;
      options.heard?.(event); // event.level is how it was protected
      await service.carryOut(verb, argument, answer => reply(answer, event));
      if (verb === 'QUIT') break;
    }
  } finally {
    await service.close();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { PORT = '2121', FOLDER = '.' } = process.env;
  const keytab = defaultKeytab(); // KRB5_KTNAME, krb5.conf, /etc/krb5.keytab
  const realm = keytab[0]?.principal.realm;
  const options: FtpServerOptions = {
    mechanisms: [krb5({ acceptor: { keytab } })],
    require: 'safe', // minimum for commands and replies
    transfers: ['safe', 'private'], // what PROT may select
    mayLogIn: (user, { clientName }) => clientName === `${user}@${realm}`,
    folder: FOLDER,
    timeout: 60_000,
    failed: (what, error) => console.error(what, error.message),
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true }, socket => {
    serve(socket, options).catch(error => console.error(error.code, error.message));
  });
  server.listen(Number(PORT), '127.0.0.1', () => console.error('port', (server.address() as AddressInfo).port));
}
