/** Connections over loopback, in the clear and with TLS of Node. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';

/** Both ends of a connection; `close` ends them and their server. */
export interface Ends {
  client: Socket;
  server: Socket;
  close(): void;
}

export function clearEnds(): Promise<Ends> {
  return connected(createServer(), port => connect(port, '127.0.0.1'), 'connection');
}

export function tlsEnds(): Promise<Ends> {
  const dial = (port: number) => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  return connected(createTlsServer(certificate()), dial, 'secureConnection');
}

async function connected(
  listener: Server,
  dial: (port: number) => Socket,
  event: 'connection' | 'secureConnection',
): Promise<Ends> {
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, event);
  const client = dial((listener.address() as { port: number }).port);
  const [server] = (await accepted) as [Socket];
  // Lines that are written apart would else wait for an acknowledgement, some 40 ms.
  for (const end of [client, server]) end.setNoDelay(true);
  const close = () => {
    for (const end of [client, server]) end.destroy();
    listener.close();
  };
  return { client, server, close };
}

let made: { key: Buffer; cert: Buffer } | undefined;

function certificate(): { key: Buffer; cert: Buffer } {
  if (made !== undefined) return made;
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', [...request, '-subj', '/CN=localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' });
  made = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return made;
}
