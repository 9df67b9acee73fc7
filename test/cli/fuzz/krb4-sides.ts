/** KERBEROS_V4 on this host: a realm's keys and a ticket of just now, both sides, and sides that look at no checksum. */
import type { Socket } from 'node:net';
import { concat, u32be, viewOf } from '../../../src/bytes.js';
import { FtpSecurityError } from '../../../src/errors.js';
import { wrappingWith } from '../../../src/fuzz/mechanisms/mechanism.js';
import { desKey, pcbcEncrypt } from '../../../src/mechanisms/krb4/crypto.js';
import { krb4Acceptor, krb4Initiator, parseSrvtab, parseTicketFile } from '../../../src/mechanisms/krb4/index.js';
import { nodeCiphers as ciphers } from '../../../src/node/index.js';
import type { Exchange, SecurityContext, Unwrapped } from '../../../src/protection/mechanism.js';
import { address, formatTicketFile, terminated } from '../../mechanisms/krb4/vectors.js';
import type { Sides } from './peers.js';

const REALM = 'A.TEST';
const service = { name: 'ftp', instance: 'host', realm: REALM };
const serviceKey = Uint8Array.of(0x13, 0x34, 0x57, 0x79, 0x9b, 0xbc, 0xdf, 0xf1);
const sessionKey = Uint8Array.of(0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef);
const HOUR = 12;

/** Octets of a srvtab with the service's key. */
export const SRVTAB = concat(Uint8Array.of(...terminated('ftp', 'host', REALM), 1), serviceKey);

/** Octets of a ticket file of anna's, whose ticket is good for an hour since it was issued so many seconds ago. */
export function ticketFile(ago = 0): Uint8Array {
  const issued = Math.floor(Date.now() / 1000) - ago;
  const plaintext = Uint8Array.of(
    0,
    ...terminated('anna', '', REALM),
    ...address('127.0.0.1'),
    ...sessionKey,
    HOUR,
    ...u32be(issued),
    ...terminated('ftp', 'host'),
  );
  const ticket = pcbcEncrypt(desKey(serviceKey, ciphers), plaintext);
  const credentials = [{ ...service, sessionKey, life: HOUR, kvno: 1, ticket, issued }];
  return formatTicketFile({ name: 'anna', instance: '', credentials }, false);
}

/** @param careless  takes safe messages whatever their checksum */
export function krb4Sides({ careless = false } = {}): Sides {
  const srvtab = parseSrvtab(SRVTAB);
  const tickets = parseTicketFile(ticketFile());
  const as = careless ? carelessly : (exchange: Exchange) => exchange;
  return {
    mechanism: 'KERBEROS_V4',
    acceptor: socket => as(krb4Acceptor({ ...endsOf(socket), srvtab })),
    initiator: socket => {
      let exchange: Exchange | undefined;
      return as({
        step(token) {
          exchange ??= krb4Initiator({ ...endsOf(socket), tickets, service });
          return exchange.step(token);
        },
      });
    },
  };
}

function endsOf({ localAddress, localPort, remoteAddress, remotePort }: Socket) {
  const local = { address: address(localAddress!), port: localPort! };
  return { ciphers, allowWeak: true, local, peer: { address: address(remoteAddress!), port: remotePort! } };
}

function carelessly(exchange: Exchange): Exchange {
  return {
    async step(token) {
      const { context, ...step } = await exchange.step(token);
      return { ...step, ...(context && { context: withoutChecksums(context) }) };
    },
  };
}

function withoutChecksums(context: SecurityContext): SecurityContext {
  const same = wrappingWith(context, (plaintext, level) => context.wrap(plaintext, level));
  return Object.assign(same, {
    unwrap(token: Uint8Array): Unwrapped {
      try {
        return context.unwrap(token);
      } catch (error) {
        if (!(error instanceof FtpSecurityError && error.code === 'security/bad-checksum')) throw error;
        const length = viewOf(token).getUint32(2, (token[1]! & 1) === 1);
        return { plaintext: token.slice(6, 6 + length), level: 'safe', sequence: 'none' };
      }
    },
  });
}
