/** The records of vectors/krb4 (its README), and DES for the tests. */
import { readFileSync } from 'node:fs';
import { fromHex, u32be } from '../../../src/bytes.js';
import type { Krb4TicketFile, SrvtabEntry } from '../../../src/mechanisms/krb4/index.js';

export interface End {
  ip: string;
  port: number;
}

export interface MessageVector {
  kind: 'safe' | 'priv';
  byte_order: 'be' | 'le';
  name: string;
  session_key: string;
  sender: End;
  receiver: End;
  time_sec: number;
  time_5ms: number;
  plaintext: string;
  message: string;
  rd_status: number;
  rd_status_swapped_addresses?: number;
  rd_status_cksum_flipped?: number;
  rd_status_last_octet_flipped?: number;
  rd_status_early_octet_flipped?: number;
}

export interface ApReqVector {
  service: string;
  instance: string;
  realm: string;
  kvno: number;
  client: string;
  client_instance: string;
  client_realm: string;
  address: string;
  life: number;
  issue_date: number;
  checksum: number;
  service_key: string;
  session_key: string;
  ticket: string;
  authenticator: string;
  mutual_reply_safe: string;
}

interface Vectors {
  messages: MessageVector[];
  quad_cksum: { seed: string; input: string; ret: number; out4: number[] }[];
  pcbc: { key_and_iv: string; input: string; output: string }[];
  ap_req: ApReqVector[];
}

export const VECTORS: Vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/krb4/krb4-mit163.json', import.meta.url), 'utf8'),
);

export { nodeCiphers as ciphers } from '../../../src/node/index.js';

export function address(ip: string): Uint8Array {
  return Uint8Array.from(ip.split('.'), Number);
}

/** The ends of the exchanges in `ap_req`. */
export const CLIENT = { address: address('127.0.0.1'), port: 40_001 };
export const SERVER = { address: address('127.0.0.1'), port: 21 };

/** The entry of the service's srvtab. */
export function keyOf({ service, instance, realm, kvno, service_key }: ApReqVector): SrvtabEntry {
  return { name: service, instance, realm, kvno, key: fromHex(service_key) };
}

/** A ticket file with what the client of the exchange had. */
export function ticketFileOf(vector: ApReqVector, littleEndian: boolean): Uint8Array {
  return formatTicketFile(
    {
      name: vector.client,
      instance: vector.client_instance,
      credentials: [
        {
          name: vector.service,
          instance: vector.instance,
          realm: vector.realm,
          sessionKey: fromHex(vector.session_key),
          life: vector.life,
          kvno: vector.kvno,
          ticket: fromHex(vector.ticket),
          issued: vector.issue_date,
        },
      ],
    },
    littleEndian,
  );
}

export function formatTicketFile(file: Krb4TicketFile, littleEndian: boolean): Uint8Array {
  const number = (value: number) => {
    const octets = [...u32be(value)];
    return littleEndian ? octets.reverse() : octets;
  };
  const credentials = file.credentials.flatMap(({ name, instance, realm, sessionKey, life, kvno, ticket, issued }) => [
    ...terminated(name, instance, realm),
    ...sessionKey,
    ...[life, kvno, ticket.length].flatMap(number),
    ...ticket,
    ...number(issued),
  ]);
  return Uint8Array.of(...terminated(file.name, file.instance), ...credentials);
}

/** Octets of an ASCII text with a NUL behind it, as the files and tickets of Kerberos V4 have them. */
export function terminated(...texts: string[]): number[] {
  return [...Buffer.from(texts.map(text => `${text}\0`).join(''), 'latin1')];
}
