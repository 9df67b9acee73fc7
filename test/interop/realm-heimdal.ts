/** A realm of Heimdal 7.8. Its library has no Camellia. */
import { spawn } from 'node:child_process';
import type { Installation } from './realm.js';

const REALM = 'HEIMDAL.TEST';

const ENCTYPES = {
  17: 'aes128-cts-hmac-sha1-96',
  18: 'aes256-cts-hmac-sha1-96',
  19: 'aes128-cts-hmac-sha256-128',
  20: 'aes256-cts-hmac-sha384-192',
  23: 'arcfour-hmac-md5',
  16: 'des3-cbc-sha1',
  3: 'des-cbc-md5',
  1: 'des-cbc-crc',
};

export const heimdal: Installation = {
  realm: REALM,
  enctypes: ENCTYPES,

  compile: unpacked => [
    `-I${unpacked}/usr/include/heimdal`,
    `-L${unpacked}/libraries/heimdal`,
    '-lgssapi',
    '-lkrb5',
    '-Wl,--allow-shlib-undefined',
  ],

  configuration: ({ port, folder, permitted }) => `
[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  name_canon_rules = as-is:
  allow_weak_crypto = true
${permitted === undefined ? '' : `  default_etypes = ${permitted}`}
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
  }
[domain_realm]
  .test = ${REALM}
[kadmin]
  default_keys = ${permitted ?? 'aes256-cts-hmac-sha1-96'}:pw-salt
[kdc]
  database = {
    dbname = ${folder}/database
    realm = ${REALM}
    mkey_file = m-key
    log_file = database.log
    acl_file = acl
  }
  addresses = 127.0.0.1
  ports = ${port}
  require-preauth = false
[logging]
  kdc = 0-/FILE:kdc.log
  default = 0-/FILE:programs.log
`,

  createDatabase(run) {
    run('kstash', ['--random-key', '--key-file=m-key']);
    const unlimited = ['--realm-max-ticket-life=unlimited', '--realm-max-renewable-life=unlimited'];
    run('kadmin.heimdal', ['-l', 'init', ...unlimited, REALM]);
    run('kadmin.heimdal', ['-l', 'add', '--random-key', '--use-defaults', 'user']);
    run('kadmin.heimdal', ['-l', 'ext_keytab', '--keytab=FILE:user.keytab', 'user']);
    for (const number of Object.keys(ENCTYPES)) {
      const service = `ftp/etype-${number}.test`;
      run('kadmin.heimdal', ['-l', 'add', '--random-key', '--use-defaults', service], {
        configuration: `${number}.conf`,
      });
      run('kadmin.heimdal', ['-l', 'ext_keytab', `--keytab=FILE:${number}.keytab`, service]);
    }
  },

  kdc: (environment, folder) =>
    spawn('kdc', ['--config-file=krb5.conf'], { env: environment, cwd: folder, stdio: 'ignore' }),

  fillCache(run, enctype) {
    const cache = ['-c', `FILE:${enctype}.cache`];
    run('kinit.heimdal', [...cache, '-f', '-k', '-t', 'user.keytab', 'user']);
    run('kgetcred', [...cache, '-e', (ENCTYPES as Record<number, string>)[enctype]!, `ftp/etype-${enctype}.test`]);
  },
};
