/** Numbers in headers, in either byte order. Octets past the end are read as zeros, which mean nothing in any field. */
export function u16(data: Uint8Array, at: number): number {
  return ((data[at] ?? 0) << 8) | (data[at + 1] ?? 0);
}

export function u32(data: Uint8Array, at: number): number {
  return ((u16(data, at) << 16) | u16(data, at + 2)) >>> 0;
}

export function u16le(data: Uint8Array, at: number): number {
  return (data[at] ?? 0) | ((data[at + 1] ?? 0) << 8);
}

export function u32le(data: Uint8Array, at: number): number {
  return (u16le(data, at) | (u16le(data, at + 2) << 16)) >>> 0;
}
