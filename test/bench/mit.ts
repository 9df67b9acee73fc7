/**
 * MIT's libgssapi_krb5 at the same work: `mit.c`, compiled against Debian's libkrb5-dev, one process for each enctype. Its
 * krb5.conf permits that enctype alone: with others MIT takes a subkey of enctype 18, and the figures are not of the one
 * that was asked for. No KDC runs: ticket and key are ours.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { enctypeOf } from '../../src/mechanisms/krb5/crypto/enctypes.js';
import { credentialCacheOf, keytabOf } from './kerberos-files.js';
import { benchRealm } from './realm.js';
import { ROOT } from './root.js';

export interface MitWorker {
  /**
   * Milliseconds of processor time for `count` operations: gss_wrap and gss_unwrap of tokens, or the same with their lines of
   * base 64.
   */
  messages(work: 'wrap' | 'unwrap' | 'make' | 'read', sealed: boolean, size: number, count: number): Promise<number>;
  exchange(count: number): Promise<number>;
}

export interface Mit {
  /** The worker of an enctype; started when it is first asked for. */
  of(enctype: number): MitWorker;
  stop(): void;
}

/** @returns undefined, and says why, where it can't be compiled */
export function startMit(): Mit | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
  const program = join(folder, 'mit');
  try {
    const source = join(ROOT, 'test/bench/mit.c');
    execFileSync('gcc', ['-std=gnu11', '-O2', '-Wall', '-Werror', source, '-o', program, '-lgssapi_krb5'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch {
    console.error('MIT is left out: mit.c was not compiled (apt-get install gcc libc6-dev libkrb5-dev)');
    rmSync(folder, { recursive: true });
    return undefined;
  }
  const children: ChildProcess[] = [];
  const workers = new Map<number, MitWorker>();
  return {
    of(enctype) {
      const known = workers.get(enctype);
      if (known !== undefined) return known;
      const child = start(program, folder, enctype);
      children.push(child);
      const worker = workerOf(child);
      workers.set(enctype, worker);
      return worker;
    },
    stop() {
      for (const child of children) child.stdin!.end();
      rmSync(folder, { recursive: true });
    },
  };
}

function start(program: string, folder: string, enctype: number): ChildProcess {
  const realm = benchRealm(enctype);
  return spawn(program, [`${realm.keytab[0]!.principal.name.join('@')}`], {
    env: writeKerberosFiles(folder, enctype, realm),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Writes keytab, credential cache and krb5.conf. Returns the environment in which MIT's library finds them. */
export function writeKerberosFiles(
  folder: string,
  enctype: number,
  { keytab, credential }: ReturnType<typeof benchRealm>,
): Record<string, string> {
  const path = (name: string) => join(folder, `${enctype}.${name}`);
  writeFileSync(path('keytab'), keytabOf(keytab));
  writeFileSync(path('cache'), credentialCacheOf(credential));
  writeFileSync(path('conf'), configuration(enctypeOf(enctype)!.name));
  return {
    KRB5_CONFIG: path('conf'),
    KRB5_KTNAME: `FILE:${path('keytab')}`,
    KRB5CCNAME: `FILE:${path('cache')}`,
    KRB5RCACHENAME: 'none:',
  };
}

const configuration = (enctype: string) => `
[libdefaults]
  default_realm = EXAMPLE.TEST
  dns_canonicalize_hostname = false
  dns_lookup_kdc = false
  qualify_shortname = ""
  rdns = false
  allow_weak_crypto = true
  allow_rc4 = true
  permitted_enctypes = ${enctype}
[domain_realm]
  .test = EXAMPLE.TEST
`;

function workerOf(child: ChildProcess): MitWorker {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const ask = async (request: string) => {
    child.stdin!.write(`${request}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`mit.c ended at: ${request}`);
    return Number(value) / 1e6;
  };
  return {
    messages: (work, sealed, size, count) => ask(`${work} ${Number(sealed)} ${size} ${count}`),
    exchange: count => ask(`exchange ${count}`),
  };
}
