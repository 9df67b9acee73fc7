/** The exchanges in vectors/krb5, which MIT Kerberos and Heimdal made (see the README there). */
import { readdirSync, readFileSync } from 'node:fs';
import { fromHex } from '../../../src/bytes.js';
import { type CredentialCache, parseCredentialCache } from '../../../src/mechanisms/krb5/files/credential-cache.js';
import { type KeytabEntry, parseKeytab } from '../../../src/mechanisms/krb5/files/keytab.js';
import { parseContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import type { ApReq } from '../../../src/mechanisms/krb5/messages/kerberos.js';

const FOLDER = new URL('../../../vectors/krb5/', import.meta.url);

interface VectorKey {
  etype: number;
  key: string;
}

interface VectorContext {
  name: string;
  initiator_flags: number;
  initiator_bindings: { initiator_address: string; acceptor_address: string; application_data: string } | null;
  ticket_etype: number;
  client: string;
  server?: string;
  ctime?: number;
  cusec?: number;
  authenticator_checksum?: string;
  authenticator_checksum_head?: string;
  authenticator_checksum_length?: number;
  context_tokens: { from: 'initiator' | 'acceptor'; token: string }[];
  keys: {
    ticket_session_key: VectorKey;
    initiator_subkey: VectorKey;
    acceptor_subkey: VectorKey | null;
    message_key: VectorKey;
  };
  message_key_is_acceptor_subkey: boolean;
  initiator_send_seq: number;
  acceptor_send_seq: number;
  messages: {
    from: 'initiator' | 'acceptor';
    op: string;
    name: string;
    plaintext: string;
    seq: string;
    token: string;
  }[];
}

export interface Exchange {
  title: string;
  etype: number;
  keytab: KeytabEntry[];
  cache: CredentialCache;
  context: VectorContext;
  apReq: Uint8Array;
  /** Absent without mutual authentication. */
  apRep?: Uint8Array;
}

interface VectorFile {
  etype: number;
  keytab_hex: string;
  ccache_hex: string;
  contexts: VectorContext[];
}

export const exchanges: readonly Exchange[] = readdirSync(FOLDER)
  .filter(file => /^krb5-.*\.json$/.test(file))
  .flatMap(file => {
    const { etype, keytab_hex, ccache_hex, contexts }: VectorFile = JSON.parse(
      readFileSync(new URL(file, FOLDER), 'utf8'),
    );
    const keytab = parseKeytab(fromHex(keytab_hex));
    const cache = parseCredentialCache(fromHex(ccache_hex));
    return contexts.map(context => {
      const tokenOf = (side: string) => context.context_tokens.find(({ from }) => from === side)?.token;
      const answer = tokenOf('acceptor');
      return {
        title: `${file.slice(0, -5)}, ${context.name}`,
        etype,
        keytab,
        cache,
        context,
        apReq: fromHex(tokenOf('initiator')!),
        ...(answer !== undefined && { apRep: fromHex(answer) }),
      };
    });
  });

/** The first exchange of a file, or of a file and context name. */
export function exchangeOf(file: string, context = ''): Exchange {
  return exchanges.find(({ title }) => title.startsWith(`${file}, `) && title.endsWith(context))!;
}

export function readKeytab(name: string): Uint8Array {
  return readFileSync(new URL(`keytabs/${name}.keytab`, FOLDER));
}

/** The message of an exchange's AP-REQ. */
export function requestOf({ apReq }: Exchange): ApReq {
  const token = parseContextToken(apReq);
  if (token.kind !== 'AP-REQ') throw new Error('no AP-REQ');
  return token.message;
}
