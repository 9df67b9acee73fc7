/** The mechanisms, as their contexts differ for a session: numbered or not, in one series or two, by 64 bits or by 32. */
import { krb4Context } from '../../src/mechanisms/krb4/index.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import { type Contexts, krb5Contexts, pskContexts } from './pair.js';

export interface MechanismRow {
  name: string;
  /** PROT letters. */
  letters: readonly string[];
  contexts(): Contexts;
}

/** Kerberos V5 by the tokens of RFC 1964, whose numbers start again soon. */
function rc4Contexts(): Contexts {
  const shared = { enctype: 23, key: new Uint8Array(16).fill(1), acceptorSubkey: false, allowWeak: true };
  const [ours, theirs] = [2 ** 32 - 5, 2 ** 32 - 9];
  return {
    initiator: krb5Context({ ...shared, role: 'initiator', sendSequence: ours, receiveSequence: theirs }),
    acceptor: krb5Context({ ...shared, role: 'acceptor', sendSequence: theirs, receiveSequence: ours }),
  };
}

function krb4Contexts(): Contexts {
  const client = { address: Uint8Array.of(192, 0, 2, 1), port: 40_000 };
  const server = { address: Uint8Array.of(192, 0, 2, 2), port: 21 };
  const shared = {
    key: Uint8Array.of(1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef),
    ciphers: nodeCiphers,
    allowWeak: true,
  };
  return {
    initiator: krb4Context({ ...shared, local: client, peer: server }),
    acceptor: krb4Context({ ...shared, local: server, peer: client }),
  };
}

export const NUMBERED: readonly MechanismRow[] = [
  { name: 'X-PSK', letters: ['C', 'S', 'P', 'E'], contexts: pskContexts },
  { name: 'Kerberos V5 (RFC 4121)', letters: ['C', 'S', 'P'], contexts: () => krb5Contexts() },
  { name: 'Kerberos V5 (RFC 1964)', letters: ['C', 'S', 'P'], contexts: rc4Contexts },
];

export const MECHANISMS: readonly MechanismRow[] = [
  ...NUMBERED,
  { name: 'KERBEROS_V4', letters: ['C', 'S', 'P'], contexts: krb4Contexts },
];
