/** A keytab and a credential cache as files, for MIT's library: the formats that src/mechanisms/krb5/files reads. */
import { concat, toUtf8, u32be } from '../../src/bytes.js';
import type { Credential, ServiceKey } from '../../src/mechanisms/krb5/index.js';

interface Principal {
  name: string[];
  realm: string;
  type: number;
}

const u16be = (value: number) => Uint8Array.of(value >> 8, value);

/** Version 2: lengths of two octets. */
export function keytabOf(keys: readonly Required<ServiceKey>[]): Uint8Array {
  const counted = (text: string) => concat(u16be(text.length), toUtf8(text));
  const entries = keys.map(({ principal: { name, realm, type }, kvno, enctype, key }) => {
    const entry = concat(
      u16be(name.length),
      counted(realm),
      concat(...name.map(counted)),
      u32be(type),
      u32be(0), // when it was written
      Uint8Array.of(kvno),
      u16be(enctype),
      u16be(key.length),
      key,
      u32be(kvno),
    );
    return concat(u32be(entry.length), entry);
  });
  return concat(Uint8Array.of(5, 2), ...entries);
}

/** Version 4: lengths of four octets, and a header, here empty. */
export function credentialCacheOf(credential: Credential): Uint8Array {
  const counted = (octets: Uint8Array) => concat(u32be(octets.length), octets);
  const principal = ({ name, realm, type }: Principal) =>
    concat(u32be(type), u32be(name.length), ...[realm, ...name].map(part => counted(toUtf8(part))));
  const { client, server, key, authTime, startTime, endTime, renewTill, flags, ticket } = credential;
  return concat(
    Uint8Array.of(5, 4, 0, 0),
    principal(client),
    principal(client),
    principal(server),
    u16be(key.keytype),
    counted(key.keyvalue),
    ...[authTime, startTime, endTime, renewTill].map(u32be),
    Uint8Array.of(0), // no session key in place of the ticket's
    u32be(flags),
    u32be(0), // addresses
    u32be(0), // authorization data
    counted(ticket),
    counted(new Uint8Array()),
  );
}
