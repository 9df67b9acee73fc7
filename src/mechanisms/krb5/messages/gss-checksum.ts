/** The checksum field of an initiator's authenticator: channel bindings, flags, delegated credentials (RFC 4121 §4.1.1). */
import { assertBytes, concat, copy, viewOf } from '../../../bytes.js';
import { badToken, type FtpSecurityError } from '../../../errors.js';

export const GSS_CHECKSUM_TYPE = 0x8003;

/** The flags of RFC 4121 §4.1.1.1, and those of RFC 2744 appendix A that MIT Kerberos also sends. */
export const GSS_FLAGS = {
  deleg: 1,
  mutual: 2,
  replay: 4,
  sequence: 8,
  conf: 16,
  integ: 32,
  anon: 64,
  'prot-ready': 128,
  trans: 256,
} as const;

export interface GssChecksum {
  /** MD5 of the channel bindings, 16 octets; all zero if there are none (§4.1.1.2). */
  bindings: Uint8Array;
  /** Sum of GSS_FLAGS; unknown flags are ignored. */
  flags: number;
  /** The KRB-CRED message, unopened; present if and only if the flag `deleg` is set. */
  delegation?: Uint8Array | undefined;
  /** Further octets, which have no meaning and are ignored. */
  extensions?: Uint8Array;
}

/**
 * Parses a checksum of type 0x8003. `extensions` is absent if it would be empty.
 * @throws FtpSecurityError `security/bad-token`, with the offset in `value`
 */
export function parseGssChecksum(value: Uint8Array): GssChecksum {
  if (value.length < FLAGS_END)
    throw bad(`it has ${value.length} octets, but needs ${FLAGS_END} or more`, value.length);
  const view = viewOf(value);
  if (view.getUint32(0, true) !== BINDINGS_SIZE) throw bad('the length of the channel bindings is not 16', 0);
  const checksum: GssChecksum = { bindings: copy(value, 4, 20), flags: view.getUint32(20, true) };
  let end = FLAGS_END;
  if ((checksum.flags & GSS_FLAGS.deleg) !== 0) {
    if (value.length < DELEGATION_START) throw bad('the delegated credentials are missing', FLAGS_END);
    if (view.getUint16(24, true) !== DELEGATION_OPTION) throw bad('the delegation option is not 1', FLAGS_END);
    end = DELEGATION_START + view.getUint16(26, true);
    if (end > value.length) throw bad('the delegated credentials are truncated', DELEGATION_START);
    checksum.delegation = copy(value, DELEGATION_START, end);
  }
  if (end < value.length) checksum.extensions = copy(value, end);
  return checksum;
}

/**
 * Formats a checksum of type 0x8003.
 * @throws RangeError if flags and delegation contradict each other, or a part has the wrong size
 */
export function formatGssChecksum({ bindings, flags, delegation, extensions = NOTHING }: GssChecksum): Uint8Array {
  if (bindings.length !== BINDINGS_SIZE) throw new RangeError('bindings must have 16 octets');
  const flagged = (flags & GSS_FLAGS.deleg) !== 0;
  if (flagged !== (delegation !== undefined))
    throw new RangeError('the flag deleg must be set if and only if there are delegated credentials');
  const fixed = new Uint8Array(delegation === undefined ? FLAGS_END : DELEGATION_START);
  const view = viewOf(fixed);
  view.setUint32(0, BINDINGS_SIZE, true);
  fixed.set(bindings, 4);
  view.setUint32(20, flags, true);
  if (delegation !== undefined) {
    if (delegation.length > 0xffff) throw new RangeError('delegated credentials must have at most 65535 octets');
    view.setUint16(24, DELEGATION_OPTION, true);
    view.setUint16(26, delegation.length, true);
  }
  return concat(fixed, delegation ?? NOTHING, extensions);
}

/** @throws TypeError, RangeError if the caller's channel bindings are not 16 octets */
export function assertBindings(bindings: Uint8Array): void {
  assertBytes(bindings, 'bindings');
  if (bindings.length !== BINDINGS_SIZE)
    throw new RangeError('bindings must have the 16 octets that channelBindings returns');
}

/** The names of the flags that are set. */
export function gssFlagNames(flags: number): string[] {
  return Object.entries(GSS_FLAGS)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

const NOTHING = new Uint8Array();
const BINDINGS_SIZE = 16;
const FLAGS_END = 24;
const DELEGATION_START = 28;
const DELEGATION_OPTION = 1;

function bad(message: string, offset: number): FtpSecurityError {
  return badToken(`authenticator checksum: ${message}`, { offset });
}
