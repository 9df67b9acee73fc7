/** The security data exchange between one side of ours and one of theirs. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type ErrorCode, FtpSecurityError } from '../../src/errors.js';
import {
  type Krb5AcceptorOptions,
  type Krb5Facts,
  type Krb5InitiatorOptions,
  krb5Acceptor,
  krb5Initiator,
  parseCredentialCache,
  parseKeytab,
} from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { Exchange, SecurityContext } from '../../src/protection/mechanism.js';
import { Peer, type PeerOptions } from './peer.js';
import { cacheOf, keytabOf, type PeerSetting, peerEnvironment, type Realm, serviceOf } from './realm.js';

/** SPNEGO and a rejected guess make it long. */
const MOST_TURNS = 6;

/** The enctype of what is not tried with all of them. */
export const USUAL = 18;

export interface Agreed {
  context: SecurityContext;
  facts: Krb5Facts;
}

export function ourAcceptor(realm: Realm, enctype: number, options: Partial<Krb5AcceptorOptions> = {}): Exchange {
  const keytab = parseKeytab(readFileSync(keytabOf(realm, enctype)));
  return krb5Acceptor({ keytab, allowWeak: true, ciphers: nodeCiphers, ...options });
}

export function ourInitiator(realm: Realm, enctype: number, options: Partial<Krb5InitiatorOptions> = {}): Exchange {
  const credentials = parseCredentialCache(readFileSync(cacheOf(realm, enctype)));
  return krb5Initiator({
    credentials,
    service: serviceOf(enctype),
    allowWeak: true,
    ciphers: nodeCiphers,
    ...options,
  });
}

export function theirAcceptor(realm: Realm, enctype: number, options: Theirs = {}): Peer {
  return new Peer(realm.program, peerEnvironment(realm, enctype, options), { ...options, role: 'accept' });
}

export function theirInitiator(realm: Realm, enctype: number, options: Theirs = {}): Peer {
  const its: PeerOptions = { service: serviceOf(enctype), ...options, role: 'initiate' };
  return new Peer(realm.program, peerEnvironment(realm, enctype, options), its);
}

type Theirs = Omit<PeerOptions, 'role'> & PeerSetting;

interface Side {
  step(token?: Uint8Array): Promise<Uint8Array | undefined>;
}

/** @throws what our side throws, or that the peer has refused */
export async function agree(ours: Exchange, theirs: Peer, weAre: 'initiator' | 'acceptor'): Promise<Agreed> {
  let facts: Krb5Facts = {};
  let context: SecurityContext | undefined;
  let complete = false;
  const us: Side = {
    async step(token) {
      const step = await ours.step(token);
      facts = { ...facts, ...step.facts };
      context ??= step.context;
      return step.token;
    },
  };
  const them: Side = {
    async step(token) {
      const step = await theirs.step(token);
      complete = step.complete;
      return step.token;
    },
  };
  const sides = weAre === 'initiator' ? [us, them] : [them, us];
  let token: Uint8Array | undefined;
  for (let turn = 0; turn === 0 || token !== undefined; turn++) {
    if (turn === MOST_TURNS) throw new Error('no end of tokens');
    token = await sides[turn % 2]!.step(token);
  }
  if (context === undefined || !complete) throw new Error(`${complete ? 'we are' : 'the peer is'} not done`);
  return { context, facts };
}

/** Our side must refuse the token. */
export async function refusal(
  ours: Exchange,
  token: Uint8Array | undefined,
  code: ErrorCode,
): Promise<FtpSecurityError> {
  const error = await Promise.resolve()
    .then(() => ours.step(token))
    .then(
      () => undefined,
      reason => reason,
    );
  expect(error).toBeInstanceOf(FtpSecurityError);
  expect(error.code, error.message).toBe(code);
  return error;
}
