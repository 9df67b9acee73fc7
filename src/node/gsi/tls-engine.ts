/**
 * The TLS of Node over memory, for the handshake alone: tokens of the peer in, tokens for it out. Its peer's certificate is not
 * checked here, as OpenSSL, called by Node, does not accept proxies; but the peer has proved that it holds the certificate's key.
 */
import { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type SecureContext, TLSSocket } from 'node:tls';
import { concatAll } from '../../bytes.js';
import { badToken, FtpSecurityError } from '../../errors.js';
import { LiveKeyLog } from './live-key-log.js';

/** The other end of Node's TLS: it keeps what TLS writes. */
class Wire extends Duplex {
  readonly written: Uint8Array[] = [];

  override _read(): void {}

  override _write(octets: Buffer, _: string, done: () => void): void {
    this.written.push(Uint8Array.from(octets));
    done();
  }
}

/** After so many turns of the event loop without an event, TLS waits for the peer: each of its steps takes one turn. */
const IDLE_TURNS = 4;
/** If nothing was written, more turns are waited for, in case that a step takes longer. */
const MAX_TURNS = 50;

export class TlsEngine {
  readonly keyLog = new LiveKeyLog();
  readonly #wire = new Wire();
  readonly #socket: TLSSocket;
  #events = 0;
  #isComplete = false;
  #error: Error | undefined;

  constructor(side: 'client' | 'server', secureContext: SecureContext) {
    this.#socket = side === 'client' ? this.#client(secureContext) : this.#server(secureContext);
    this.#socket.on('keylog', (line: Buffer) => {
      this.#events++;
      this.keyLog.add(line);
      // `node --tls-keylog` is another listener, and writes the line later.
      if (this.#socket.listenerCount('keylog') === 1) line.fill(0);
    });
    this.#socket.on('secure', () => {
      this.#events++;
      this.#isComplete = true;
    });
    this.#socket.on('error', error => {
      this.#events++;
      this.#error ??= error;
    });
  }

  /** Whether the handshake is complete on this side. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * Processes a token of the peer, and returns the token for it, which may be empty at the end of the handshake.
   * @param token  absent at the client's first step
   * @throws FtpSecurityError `security/bad-token` if TLS refuses it, or it is incomplete
   */
  async process(token?: Uint8Array): Promise<Uint8Array> {
    if (token !== undefined) this.#wire.push(Buffer.from(token));
    await this.#idle();
    const output = concatAll(this.#wire.written.splice(0));
    if (this.#error !== undefined) throw tlsError(this.#error, output);
    if (output.length === 0 && !this.#isComplete) throw badToken('TLS: the token is incomplete');
    return output;
  }

  /** Ends TLS without an alert. */
  destroy(): void {
    this.#socket.destroy();
    this.#wire.destroy();
    this.keyLog.destroy();
  }

  async #idle(): Promise<void> {
    const { written } = this.#wire;
    const isWaiting = () => written.length === 0 && !this.#isComplete && this.#error === undefined;
    for (let idle = 0, turns = 0; idle < IDLE_TURNS || (isWaiting() && turns < MAX_TURNS); turns++) {
      const before = this.#events + written.length;
      await new Promise<void>(resolve => setImmediate(resolve));
      idle = this.#events + written.length === before ? idle + 1 : 0;
    }
  }

  #client(secureContext: SecureContext): TLSSocket {
    const options: ConnectionOptions = {
      socket: this.#wire,
      secureContext,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
    };
    return connect(options);
  }

  #server(secureContext: SecureContext): TLSSocket {
    return new TLSSocket(this.#wire, { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext });
  }
}

/**
 * A close_notify alert of the server is not an error for OpenSSL: Node takes it for the end of a connection.
 * @param output  an alert for the peer
 */
function tlsError(error: Error & { library?: string; reason?: string; code?: string }, output: Uint8Array): Error {
  const { code = '', reason = error.message } = error;
  if (code === 'ECONNRESET') return badToken('TLS: the server has ended it before the handshake is complete');
  if (!code.startsWith('ERR_SSL') && error.library === undefined) return error;
  return new FtpSecurityError('security/bad-token', `TLS: ${reason}`, { ...(output.length > 0 && { token: output }) });
}
