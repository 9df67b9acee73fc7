/** A realm of MIT krb5 1.20. Its library has no single DES. */
import { spawn } from 'node:child_process';
import type { Installation } from './realm.js';

const REALM = 'MIT.TEST';

const ENCTYPES = {
  17: 'aes128-cts-hmac-sha1-96',
  18: 'aes256-cts-hmac-sha1-96',
  19: 'aes128-cts-hmac-sha256-128',
  20: 'aes256-cts-hmac-sha384-192',
  25: 'camellia128-cts-cmac',
  26: 'camellia256-cts-cmac',
  23: 'arcfour-hmac',
  16: 'des3-cbc-sha1',
};

/** AES first: without a choice of its own, an acceptor's subkey is of the first. */
const EVERY = ['aes256-cts-hmac-sha1-96', ...Object.values(ENCTYPES)].join(' ');

export const mit: Installation = {
  realm: REALM,
  enctypes: ENCTYPES,

  compile: unpacked => [
    '-DMIT',
    `-I${unpacked}/usr/include/mit-krb5`,
    `-L${unpacked}/libraries`,
    '-lgssapi_krb5',
    '-lkrb5',
    '-Wl,--allow-shlib-undefined',
  ],

  configuration: ({ port, unpacked, permitted = EVERY }) => `
[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  qualify_shortname = ""
  allow_weak_crypto = true
  allow_rc4 = true
  allow_des3 = true
  permitted_enctypes = ${permitted}
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
    database_name = principal
    key_stash_file = stash
    acl_file = acl
  }
[domain_realm]
  .test = ${REALM}
[dbmodules]
  db_module_dir = ${unpacked}/libraries/krb5/plugins/kdb
[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[logging]
  kdc = FILE:kdc.log
`,

  createDatabase(run) {
    run('kdb5_util', ['create', '-s', '-P', 'master', '-r', REALM]);
    const lines = ['addprinc -randkey user', 'ktadd -norandkey -k user.keytab user'];
    for (const [number, name] of Object.entries(ENCTYPES)) {
      lines.push(`addprinc -randkey -e ${name}:normal ftp/etype-${number}.test`);
      lines.push(`ktadd -norandkey -k ${number}.keytab ftp/etype-${number}.test`);
    }
    run('kadmin.local', [], { input: lines.join('\n') });
  },

  kdc: (environment, folder) => spawn('krb5kdc', ['-n'], { env: environment, cwd: folder, stdio: 'ignore' }),

  fillCache(run, enctype) {
    const cache = ['-c', `FILE:${enctype}.cache`];
    run('kinit', [...cache, '-f', '-k', '-t', 'user.keytab', 'user']);
    run('kvno', [...cache, '-q', '-e', (ENCTYPES as Record<number, string>)[enctype]!, `ftp/etype-${enctype}.test`]);
  },
};
