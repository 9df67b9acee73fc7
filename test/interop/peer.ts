/** The other side: a process of `peer.c`, over whose pipes requests go ahead of the replies to those before them. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { Environment } from './realm.js';

/** Routine errors of RFC 2743 §1.2.1.1 stand in the upper half, what is only worth knowing in the lower. */
export const GSS = { complete: 0, continueNeeded: 1, duplicate: 2, old: 4, unseq: 8, gap: 16 } as const;

export const isRefused = (major: number) => major >>> 16 !== 0;

/** Flags of a context (RFC 2744 §5.19), and the sets that the FTP programs of either library ask for. */
export const FLAG = { deleg: 1, mutual: 2, replay: 4, sequence: 8, conf: 16, integ: 32 } as const;
export const FTP_FLAGS = { mit: 0x136, heimdal: 0x13a } as const;

export interface PeerReply {
  major: number;
  minor: number;
  flag: boolean;
  /** A copy of its own. */
  result: Uint8Array;
}

export interface PeerOptions {
  role: 'initiate' | 'accept';
  spnego?: boolean;
  /** Hex, see `peer.c`. */
  bindings?: string;
  /** Of an initiator. */
  service?: string;
  flags?: number;
}

export class Peer {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting: { resolve(reply: PeerReply): void; reject(error: Error): void }[] = [];
  readonly #ended: Promise<number | null>;
  #output: Buffer = Buffer.alloc(0);
  #requests: Buffer[] = [];
  #complaint = '';

  constructor(program: string, environment: Environment, options: PeerOptions) {
    const { role, spnego = false, bindings = '-', service = '', flags = 0 } = options;
    const initiator = role === 'initiate' ? [service, flags.toString(16)] : [];
    const its = [role, spnego ? 'spnego' : 'krb5', bindings, ...initiator];
    this.#process = spawn(program, its, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdout.on('data', chunk => this.#receive(chunk));
    this.#process.stderr.on('data', chunk => (this.#complaint += chunk));
    this.#process.stdin.on('error', () => {}); // the exit status shows why
    this.#ended = new Promise(resolve => {
      this.#process.on('close', code => {
        for (const { reject } of this.#waiting.splice(0)) reject(new Error(`the peer is gone: ${this.#complaint}`));
        resolve(code);
      });
    });
  }

  /** Queues a request; {@link flush} sends what is queued in one write. */
  queue(operation: string, argument: Uint8Array = new Uint8Array()): Promise<PeerReply> {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(argument.length + 1);
    head.write(operation, 4, 'latin1');
    this.#requests.push(head, Buffer.from(argument.buffer, argument.byteOffset, argument.length));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  flush(): void {
    if (this.#requests.length > 0) this.#process.stdin.write(Buffer.concat(this.#requests));
    this.#requests = [];
  }

  request(operation: string, argument?: Uint8Array): Promise<PeerReply> {
    const reply = this.queue(operation, argument);
    this.flush();
    return reply;
  }

  /** A step that must not fail. */
  async step(token?: Uint8Array): Promise<{ token?: Uint8Array; complete: boolean }> {
    const { major, flag, result } = await this.request('s', token);
    if (isRefused(major)) throw new Error(`the peer refuses: ${await this.errorText()}`);
    return { complete: flag, ...(result.length > 0 && { token: result }) };
  }

  async errorText(): Promise<string> {
    return text((await this.request('e')).result);
  }

  async facts(): Promise<Map<string, string>> {
    const lines = text((await this.request('f')).result).split('\n');
    return new Map(lines.filter(line => line !== '').map(line => line.split(/ (.*)/s, 2) as [string, string]));
  }

  /** Ends the process, which must end well. */
  async close(): Promise<void> {
    this.#process.stdin.end();
    const code = await this.#ended;
    if (code !== 0) throw new Error(`the peer ends with ${code}: ${this.#complaint}`);
  }

  #receive(chunk: Buffer): void {
    const output = this.#output.length === 0 ? chunk : Buffer.concat([this.#output, chunk]);
    let at = 0;
    while (output.length - at >= 4) {
      const end = at + 4 + output.readUInt32BE(at);
      if (end > output.length) break;
      this.#waiting.shift()?.resolve({
        major: output.readUInt32BE(at + 4),
        minor: output.readUInt32BE(at + 8),
        flag: output[at + 12] === 1,
        result: new Uint8Array(output.subarray(at + 13, end)),
      });
      at = end;
    }
    this.#output = output.subarray(at);
  }
}

function text(octets: Uint8Array): string {
  return new TextDecoder().decode(octets);
}
