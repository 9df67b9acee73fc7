/** What FTP needs of the realm of MIT krb5: a service at this host, tickets for it, and where results are written down. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, inject } from 'vitest';
import {
  type CredentialCache,
  type KeytabEntry,
  krb5,
  krb5Initiator,
  parseCredentialCache,
  parseKeytab,
} from '../../src/mechanisms/krb5/index.js';
import type { Environment, Realm } from './realm.js';

/** What clients that connect to this host ask for. */
export const SERVICE = 'ftp@localhost';
export const USER = 'user';

export interface FtpRealm {
  folder: string;
  realm: string;
  /** For programs of MIT's library: configuration, the service's key, the user's tickets. */
  environment: Environment;
}

declare module 'vitest' {
  interface ProvidedContext {
    ftp: FtpRealm;
  }
}

/**
 * Adds the service to a realm that runs, and fetches tickets, one for the service and one to be forwarded.
 * @param folder  for what is made here
 */
export function makeFtpRealm({ folder: of, environment }: Realm, folder: string): FtpRealm {
  const its = {
    ...environment,
    PYTHONDONTWRITEBYTECODE: '1',
    KRB5_KTNAME: `FILE:${folder}/keytab`,
    KRB5CCNAME: `FILE:${folder}/cache`,
  };
  const run = (program: string, args: readonly string[], input = '') =>
    execFileSync(program, args, { env: its, cwd: of, input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] });
  const service = `ftp/localhost`;
  const add = `addprinc -randkey -e aes256-cts-hmac-sha1-96:normal ${service}`;
  run('kadmin.local', [], `${add}\nktadd -norandkey -k ${folder}/keytab ${service}\n`);
  run('kinit', ['-f', '-k', '-t', join(of, 'user.keytab'), USER]);
  run('kvno', ['-q', service]);
  const realm = parseCredentialCache(readFileSync(join(folder, 'cache'))).principal.realm;
  return { folder, realm, environment: its };
}

/** What our own side needs of it. */
export interface Tickets {
  keytab: KeytabEntry[];
  credentials: CredentialCache;
  principal: string;
}

export function tickets({ folder, realm }: FtpRealm = inject('ftp')): Tickets {
  const keytab = parseKeytab(readFileSync(join(folder, 'keytab')));
  const credentials = parseCredentialCache(readFileSync(join(folder, 'cache')));
  return { keytab, credentials, principal: `${USER}@${realm}` };
}

export const initiator = ({ credentials }: Tickets) => krb5Initiator({ credentials, service: SERVICE });
export const mechanism = ({ keytab }: Tickets) => krb5({ acceptor: { keytab } });

/** For a program that writes tickets of its own into the cache. */
export function ownCache({ folder, environment }: FtpRealm, name: string): Environment {
  const cache = join(folder, name);
  copyFileSync(join(folder, 'cache'), cache);
  return { ...environment, KRB5CCNAME: `FILE:${cache}` };
}

// What was found

export interface Row {
  peer: string;
  levels: string;
  operation: string;
  expected: string;
  found: string;
}

/**
 * Does the work of a row, and writes down what it found: what the work returns, or the error that ended it.
 * @param isExpected  default whether the two texts are the same
 */
export async function shown(
  row: Omit<Row, 'found'>,
  work: () => Promise<string>,
  isExpected = (found: string) => found === row.expected,
): Promise<void> {
  let found = 'nothing';
  try {
    found = await work();
  } catch (error) {
    found = String(error).split('\n', 1)[0]!.slice(0, 80);
    throw error;
  } finally {
    appendFileSync(join(inject('ftp').folder, 'rows'), `${JSON.stringify({ ...row, found })}\n`);
  }
  if (!isExpected(found)) expect(found).toBe(row.expected);
}
