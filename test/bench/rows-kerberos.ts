/**
 * Tokens beside the npm package `kerberos`, which calls the system's libgssapi_krb5, as its users would: texts in base 64, and
 * promises.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeBase64, encodeBase64 } from '../../src/base64.js';
import { toUtf8 } from '../../src/bytes.js';
import { krb5Acceptor, ReplayCache } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { SecurityContext, Step } from '../../src/protection/mechanism.js';
import type { Row, Side } from './measure.js';
import { writeKerberosFiles } from './mit.js';
import { installed } from './npm.js';
import { benchRealm, contexts } from './realm.js';

interface Client {
  step(token: string): Promise<string>;
  wrap(text: string, options: { protect: boolean }): Promise<string>;
  unwrap(token: string): Promise<string>;
}

interface Kerberos {
  GSS_MECH_OID_KRB5: number;
  GSS_C_MUTUAL_FLAG: number;
  initializeClient(service: string, options: object): Promise<Client>;
}

const ENCTYPE = 18;
const TEXT = toUtf8(`200 ${'x'.repeat(94)}\r\n`);

/** None where the package can't be had: it is not built for every machine, and needs the system's library. */
export async function kerberosRows(): Promise<Row[]> {
  const kerberos = installed<Kerberos>('kerberos', '7.0.0');
  if (kerberos === undefined) return [];
  const [client, acceptor] = await established(kerberos);
  const [ours, theirs] = contexts(ENCTYPE, nodeCiphers);
  const text = base64(TEXT);
  return [
    {
      name: `wrap ${TEXT.length} octets in base 64, enctype ${ENCTYPE}, with nodeCiphers`,
      sides: [
        {
          name: 'ours',
          run(count) {
            for (let i = 0; i < count; i++) base64(theirs.wrap(TEXT, 'private').token);
          },
        },
        {
          name: 'kerberos',
          async run(count) {
            for (let i = 0; i < count; i++) await client.wrap(text, { protect: true });
          },
        },
      ],
    },
    {
      name: `unwrap ${TEXT.length} octets in base 64, enctype ${ENCTYPE}, with nodeCiphers`,
      sides: [
        unwrapping('ours', theirs, token => ours.unwrap(decodeBase64(toUtf8(token)))),
        unwrapping('kerberos', acceptor, token => client.unwrap(token)),
      ],
    },
  ];
}

function unwrapping(name: string, sender: SecurityContext, unwrap: (token: string) => unknown): Side {
  let tokens: string[] = [];
  return {
    name,
    prepare(count) {
      tokens = Array.from({ length: count }, () => base64(sender.wrap(TEXT, 'private').token));
    },
    async run() {
      for (const token of tokens) {
        const opened = unwrap(token);
        if (opened instanceof Promise) await opened;
      }
    },
  };
}

/** Their client with a context, and the other side of it, which is ours. */
async function established(kerberos: Kerberos): Promise<[Client, SecurityContext]> {
  const folder = mkdtempSync(join(tmpdir(), 'rfc2228-bench-'));
  try {
    const realm = benchRealm(ENCTYPE);
    const { keytab } = realm;
    // The library reads them when it is first called.
    Object.assign(process.env, writeKerberosFiles(folder, ENCTYPE, realm));
    const service = keytab[0]!.principal.name.join('@');
    const { GSS_MECH_OID_KRB5: mechOID, GSS_C_MUTUAL_FLAG: gssFlags } = kerberos;
    const client = await kerberos.initializeClient(service, { mechOID, gssFlags });
    const acceptor = krb5Acceptor({ keytab, replayCache: new ReplayCache(), ciphers: nodeCiphers });
    const answer = (await acceptor.step(decodeBase64(toUtf8(await client.step(''))))) as Step;
    await client.step(base64(answer.token!));
    return [client, answer.context!];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function base64(octets: Uint8Array): string {
  return Buffer.from(encodeBase64(octets)).toString('latin1');
}
