/** Tokens of SPNEGO (RFC 4178 §4.2 and appendix D), made without the code under test. */
import { concat, fromHex } from '../../../src/bytes.js';

/** A DER element with a length of up to 65535. */
function element(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const contents = concat(...parts);
  const { length } = contents;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...header), contents);
}

const SPNEGO = fromHex('06062b0601050502');
export const KERBEROS: Uint8Array = fromHex('06092a864886f712010202');
/** 1.2.840.48018.1.2.2, which Windows offers first. */
export const WINDOWS_KERBEROS: Uint8Array = fromHex('06092a864882f712010202');

/** 1.3.6.1.4.1.311.2.2.10, NTLM. */
export const NTLM: Uint8Array = fromHex('060a2b06010401823702020a');

/** The offer of Windows. */
export const OFFERED: readonly Uint8Array[] = [WINDOWS_KERBEROS, KERBEROS];

/** The octets that a mechListMIC authenticates. */
export function mechTypeList(offered: readonly Uint8Array[] = OFFERED): Uint8Array {
  return element(0x30, ...offered);
}

export function negTokenInit(mechToken?: Uint8Array, offered = OFFERED, mic?: Uint8Array): Uint8Array {
  const types = element(0xa0, mechTypeList(offered));
  return element(0x60, SPNEGO, element(0xa0, element(0x30, types, ...octets(0xa2, mechToken), ...octets(0xa3, mic))));
}

export function negTokenResp(
  state?: number,
  responseToken?: Uint8Array,
  mic?: Uint8Array,
  chosen = KERBEROS,
): Uint8Array {
  const said = state === undefined ? [] : [element(0xa0, element(0x0a, Uint8Array.of(state))), element(0xa1, chosen)];
  return element(0xa1, element(0x30, ...said, ...octets(0xa2, responseToken), ...octets(0xa3, mic)));
}

function octets(tag: number, value: Uint8Array | undefined): Uint8Array[] {
  return value === undefined ? [] : [element(tag, element(0x04, value))];
}
