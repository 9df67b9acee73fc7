/** Addresses of data connections, as commands and replies name them. */
import type { DataListener } from './connection.js';

/** RFC 959 §5.4; undefined where the host has no address of IPv4. */
export function passiveText({ host, port }: DataListener): string | undefined {
  const [, address] = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(host) ?? [];
  return address === undefined
    ? undefined
    : `Entering Passive Mode (${address.replaceAll('.', ',')},${port >> 8},${port & 0xff})`;
}

/** RFC 959 §5.2. The address is not looked at. */
export function portOf(argument: string): number | undefined {
  const numbers = argument.split(',').map(Number);
  const isOne = /^\d{1,3}(,\d{1,3}){5}$/.test(argument) && numbers.every(number => number <= 0xff);
  return isOne ? numbers[4]! * 0x100 + numbers[5]! : undefined;
}

/** RFC 2428 §2. */
export function extendedPortOf(argument: string): number | undefined {
  const port = Number(/^\|[12]\|[^|]+\|(\d{1,5})\|$/.exec(argument)?.[1]);
  return port <= 0xffff ? port : undefined;
}
