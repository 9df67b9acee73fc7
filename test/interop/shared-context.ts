/** A context between two sides of one library, and its keys, read from the exchange: so each side has one of ours beside it. */
import { readFileSync } from 'node:fs';
import { openApRep, openApReq } from '../../src/mechanisms/krb5/exchange/ap-exchange.js';
import { establishContext } from '../../src/mechanisms/krb5/exchange/establish-context.js';
import { type Krb5ContextOptions, parseKeytab } from '../../src/mechanisms/krb5/index.js';
import { parseContextToken } from '../../src/mechanisms/krb5/messages/gss-framing.js';
import { nodeCiphers } from '../../src/node/index.js';
import { theirAcceptor, theirInitiator } from './conversation.js';
import type { Peer } from './peer.js';
import { keytabOf, type Realm } from './realm.js';

export interface SharedContext {
  initiator: Peer;
  acceptor: Peer;
  /** Of the initiator's side. */
  options: Krb5ContextOptions;
}

/** @param flags  that the initiator asks for, see FLAG */
export async function sharedContext(realm: Realm, enctype: number, flags: number): Promise<SharedContext> {
  const initiator = theirInitiator(realm, enctype, { flags });
  const acceptor = theirAcceptor(realm, enctype);
  const request = (await initiator.step()).token!;
  const { token: answer } = await acceptor.step(request);
  if (answer !== undefined) await initiator.step(answer);
  return { initiator, acceptor, options: optionsOf(realm, enctype, request, answer) };
}

function optionsOf(realm: Realm, enctype: number, request: Uint8Array, answer?: Uint8Array): Krb5ContextOptions {
  const keys = parseKeytab(readFileSync(keytabOf(realm, enctype)));
  const ciphers = { ciphers: nodeCiphers };
  const apReq = parseContextToken(request);
  const apRep = answer && parseContextToken(answer);
  if (apReq.kind !== 'AP-REQ' || (apRep && apRep.kind !== 'AP-REP')) throw new Error('not the tokens of an exchange');
  const opened = openApReq(apReq.message, keys, ciphers);
  let options: Krb5ContextOptions | undefined;
  establishContext('initiator', opened, apRep && openApRep(apRep.message, opened, ciphers), {
    ...ciphers,
    allowWeak: true,
    keylog: its => {
      options = its;
    },
  });
  return options!;
}
