/** Three realms of MIT's, as a forest of Active Directory has them: EXAMPLE.TEST above A.EXAMPLE.TEST and B.EXAMPLE.TEST. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Environment, end, freePort, listening, type Realm } from './realm.js';

export const ROOT = 'EXAMPLE.TEST';
export const CLIENT_REALM = `A.${ROOT}`;
export const SERVICE_REALM = `B.${ROOT}`;

export const HOST = 'host.b.example.test';

export interface Forest {
  /** With a ticket of `user` of A.EXAMPLE.TEST. */
  environment: Environment;
  /** Of `ftp` in B.EXAMPLE.TEST. */
  keytab: string;
  stop(): Promise<void>;
}

/**
 * Starts it in a folder of its own. The KDC of B does not judge transited realms in place of the service, like those of Active
 * Directory: it expects no realm between A and B, but issues the ticket all the same, without TRANSITED-POLICY-CHECKED.
 * @param libraries  a realm of the same library
 */
export async function startForest(libraries: Realm, folder: string): Promise<Forest> {
  mkdirSync(folder);
  const ports: Ports = { upper: await freePort(), lower: await freePort() };
  const environmentFor = (name: string, port: number, more = ''): Environment => {
    const path = join(folder, name);
    writeFileSync(path, `${configurationFor(libraries, ports, port)}${more}`);
    return { ...libraries.environment, KRB5_CONFIG: path, KRB5_KDC_PROFILE: path };
  };
  const environment = {
    ...environmentFor('krb5.conf', ports.upper),
    KRB5CCNAME: `FILE:${join(folder, 'cache')}`,
    KRB5_KTNAME: `FILE:${join(folder, 'keytab')}`,
    KRB5RCACHENAME: 'none:',
  };
  const lower = environmentFor('lower.conf', ports.lower, `[capaths]\n${CLIENT_REALM} = {\n${SERVICE_REALM} = .\n}\n`);
  const run = (program: string, args: string[], input = '') =>
    execFileSync(program, args, { cwd: folder, env: environment, input, stdio: ['pipe', 'ignore', 'pipe'] });
  const kdcs: ChildProcess[] = [];
  const start = async (env: Environment, port: number, ...realms: string[]) => {
    const args = ['-n', ...realms.flatMap(realm => ['-r', realm])];
    const kdc = spawn('krb5kdc', args, { env, cwd: folder, stdio: 'ignore' });
    kdcs.push(kdc);
    await listening(port, kdc);
  };
  const stop = async () => void (await Promise.all(kdcs.map(end)));

  for (const [realm, lines] of Object.entries(DATABASES)) {
    run('kdb5_util', ['-r', realm, 'create', '-s', '-P', 'master']);
    run('kadmin.local', ['-r', realm], lines.join('\n'));
  }
  try {
    await start(environment, ports.upper, CLIENT_REALM, ROOT);
    await start(lower, ports.lower, SERVICE_REALM);
    run('kinit', ['-k', '-t', 'user.keytab', `user@${CLIENT_REALM}`]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { environment, keytab: join(folder, 'keytab'), stop };
}

/** Of the KDC of A and the root, and of that of B. */
type Ports = Record<'upper' | 'lower', number>;

/** Each realm shares a key with the one above it. */
const UP = `addprinc -pw up krbtgt/${ROOT}@${CLIENT_REALM}`;
const DOWN = `addprinc -pw down krbtgt/${SERVICE_REALM}@${ROOT}`;
const DATABASES: Record<string, string[]> = {
  [CLIENT_REALM]: [
    UP,
    `addprinc -randkey user@${CLIENT_REALM}`,
    `ktadd -norandkey -k user.keytab user@${CLIENT_REALM}`,
  ],
  [ROOT]: [UP, DOWN],
  [SERVICE_REALM]: [
    DOWN,
    `addprinc -randkey ftp/${HOST}@${SERVICE_REALM}`,
    `ktadd -norandkey -k keytab ftp/${HOST}@${SERVICE_REALM}`,
  ],
};

/** @param own  the port of the KDC that reads it */
function configurationFor({ unpacked }: Realm, { upper, lower }: Ports, own: number): string {
  const realms = Object.keys(DATABASES).map(
    realm => `  ${realm} = {
    kdc = 127.0.0.1:${realm === SERVICE_REALM ? lower : upper}
    database_name = principal.${realm}
    key_stash_file = stash.${realm}
    acl_file = acl
    reject_bad_transit = false
  }
`,
  );
  return `[libdefaults]
  default_realm = ${CLIENT_REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  qualify_shortname = ""
[realms]
${realms.join('')}[domain_realm]
  .b.example.test = ${SERVICE_REALM}
[dbmodules]
  db_module_dir = ${unpacked}/libraries/krb5/plugins/kdb
[kdcdefaults]
  kdc_listen = 127.0.0.1:${own}
  kdc_tcp_listen = 127.0.0.1:${own}
[logging]
  kdc = FILE:kdc.log
`;
}
