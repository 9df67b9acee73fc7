/** Tokens of SPNEGO as RFC 4178 §4.2 and appendix D have them, put together apart from what is tested. */
import { concat, fromHex } from '../../../src/bytes.js';

/** An element with a length in two octets, or in one where that is enough. */
function element(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const contents = concat(...parts);
  const { length } = contents;
  const header = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...header), contents);
}

const SPNEGO = fromHex('06062b0601050502');
const KERBEROS = fromHex('06092a864886f712010202');
/** 1.2.840.48018.1.2.2, which Windows offers first. */
const WINDOWS_KERBEROS = fromHex('06092a864882f712010202');

export function negTokenInit(mechToken?: Uint8Array): Uint8Array {
  const types = element(0xa0, element(0x30, WINDOWS_KERBEROS, KERBEROS));
  const token = mechToken === undefined ? [] : [element(0xa2, element(0x04, mechToken))];
  return element(0x60, SPNEGO, element(0xa0, element(0x30, types, ...token)));
}

export function negTokenResp(state?: number, responseToken?: Uint8Array): Uint8Array {
  const said = state === undefined ? [] : [element(0xa0, element(0x0a, Uint8Array.of(state))), element(0xa1, KERBEROS)];
  const token = responseToken === undefined ? [] : [element(0xa2, element(0x04, responseToken))];
  const mic = element(0xa3, element(0x04, new Uint8Array(28)));
  return element(0xa1, element(0x30, ...said, ...token, ...(state === undefined ? [mic] : [])));
}
