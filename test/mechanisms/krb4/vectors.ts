/** The records of vectors/krb4 (its README), and DES for the tests. */
import { readFileSync } from 'node:fs';
import { desCipher } from '../../../src/node/index.js';

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

export const ciphers = { des: desCipher };

export function address(ip: string): Uint8Array {
  return Uint8Array.from(ip.split('.'), Number);
}

/** Octets of an ASCII text with a NUL behind it, as the files and tickets of Kerberos V4 have them. */
export function terminated(...texts: string[]): number[] {
  return [...Buffer.from(texts.map(text => `${text}\0`).join(''), 'latin1')];
}
