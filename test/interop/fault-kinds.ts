/** What can be done to what passes: to units of any kind, and to the lines of a control connection. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Actions, Fault } from './fault-proxy.js';

/** Does something to the one unit, and lets the others pass. */
export function at(place: number, what: (unit: Buffer, actions: Actions) => void | Promise<void>): Fault {
  return (unit, index, actions) => (index === place ? what(unit, actions) : actions.pass(unit));
}

export const cutAt = (place: number, how: 'end' | 'reset'): Fault =>
  at(place, (unit, actions) => {
    actions.pass(unit.subarray(0, unit.length >> 1));
    actions[how]();
  });

export const endBefore = (place: number): Fault => at(place, (_, actions) => actions.end());

export const drop = (place: number): Fault => at(place, () => {});

export const twice = (place: number): Fault => at(place, (unit, actions) => actions.pass(Buffer.concat([unit, unit])));

/** Something else in its place. */
export const replace = (place: number, by: Uint8Array): Fault => at(place, (_, actions) => actions.pass(by));
export const inject = (place: number, octets: Uint8Array): Fault =>
  at(place, (unit, actions) => actions.pass(Buffer.concat([octets, unit])));

/** The unit after it comes first. */
export function swap(place: number): Fault {
  let held: Buffer;
  return (unit, index, actions) => {
    if (index === place) held = unit;
    else actions.pass(index === place + 1 ? Buffer.concat([unit, held]) : unit);
  };
}

/** An earlier unit again, in the place of one. */
export function again(earlier: number, place: number): Fault {
  let seen: Buffer;
  return (unit, index, actions) => {
    if (index === earlier) seen = unit;
    actions.pass(index === place ? seen : unit);
  };
}

/** From there on nothing comes, and nothing ends. */
export const stallAt =
  (place: number): Fault =>
  (unit, index, actions) =>
    index < place ? actions.pass(unit) : new Promise<void>(() => {});

export const delay =
  (milliseconds: number): Fault =>
  async (unit, _, actions) => {
    await sleep(milliseconds);
    actions.pass(unit);
  };

export const octetsAt =
  (place: number): Fault =>
  (unit, index, actions) =>
    index === place ? inOctets(unit, index, actions) : actions.pass(unit);

/** Each octet on its own. */
export const inOctets: Fault = async (unit, _, actions) => {
  for (const octet of unit) {
    actions.pass(Uint8Array.of(octet));
    await new Promise(setImmediate);
  }
};

/** @param chosen  octets from the start of the unit that may be hit: from, to */
export function flipBit(unit: Buffer, fraction: number, chosen: readonly [number, number] = [0, unit.length]): Buffer {
  const [from, to] = chosen;
  const bit = Math.floor(fraction * (to - from) * 8);
  const flipped = Buffer.from(unit);
  flipped[from + (bit >> 3)]! ^= 1 << (bit & 7);
  return flipped;
}

// Lines

export function line(words: string): Buffer {
  return Buffer.from(`${words}\r\n`);
}

function text(unit: Buffer): string {
  return unit.toString('latin1');
}

export function change(place: number, how: (unit: Buffer) => Buffer): Fault {
  return at(place, (unit, actions) => actions.pass(how(unit)));
}

/** The line never arrives, and is answered on the way. */
export function answer(place: number, words: string): Fault {
  return at(place, (_, actions) => actions.back(line(words)));
}

export function follow(place: number, words: string): Fault {
  return change(place, unit => Buffer.concat([unit, line(words)]));
}

/** The greeting is read by basic-ftp alone, which wants it in one piece. */
export function behindGreeting(fault: Fault): Fault {
  return (unit, index, actions) => (index === 0 ? actions.pass(unit) : fault(unit, index, actions));
}

export function onlyFrom(place: number): Fault {
  return (unit, index, actions) => (index < place ? undefined : actions.pass(unit));
}

/** The last token of the other side comes back to it, as if it had been said here. */
export function reflected(place: number): Fault {
  return at(place, (unit, actions) => {
    const last = text(actions.opposite()).trimEnd().split('\r\n').at(-1)!;
    actions.pass(line(`${text(unit).slice(0, 4)}${last.slice(4)}`));
  });
}

export function shortened(unit: Buffer): Buffer {
  return Buffer.concat([unit.subarray(0, -3), line('')]);
}

export function inSmallLetters(unit: Buffer): Buffer {
  return Buffer.from(text(unit).replace(/^\w+/, verb => verb.toLowerCase()));
}

export function as633(unit: Buffer): Buffer {
  return Buffer.from(text(unit).replace(/^63./, '633'));
}

export function inTwoLines(unit: Buffer): Buffer {
  return Buffer.from(text(unit).replace(/^(63.) (.{8})/, '$1-$2\r\n$1 '));
}

const OTHER: Readonly<Record<string, string>> = { MIC: 'ENC', ENC: 'MIC', 631: '632', 632: '631' };

export function relabelled(unit: Buffer): Buffer {
  return Buffer.from(text(unit).replace(/^\w{3}/, name => OTHER[name]!));
}

export function flipped(place: number, fraction: number, how: (unit: Buffer, fraction: number) => Buffer): () => Fault {
  return () => change(place, unit => how(unit, fraction));
}

/** Without the line end: what has none is waited for. Nor the verb, which may be in any case. */
export function inText(unit: Buffer, fraction: number): Buffer {
  return flipBit(unit, fraction, [/^[A-Z]/.test(text(unit)) ? 3 : 0, unit.length - 2]);
}

/** The rotation count of RFC 4121 §4.2.5: no checksum covers it, and it may be any that gives the same text. */
const ROTATION = [6, 8] as const;

/** A bit of the token itself; the base64 is as it should be. */
export function inToken(unit: Buffer, fraction: number): Buffer {
  const [, before, base64] = /^(.*[ =-])([A-Za-z0-9+/]+=*)\r\n$/.exec(text(unit))!;
  const token = Buffer.from(base64!, 'base64');
  const rest = Buffer.concat([token.subarray(0, ROTATION[0]), token.subarray(ROTATION[1])]);
  const other = flipBit(rest, fraction);
  const parts = [other.subarray(0, ROTATION[0]), token.subarray(...ROTATION), other.subarray(ROTATION[0])];
  return line(`${before}${Buffer.concat(parts).toString('base64')}`);
}
