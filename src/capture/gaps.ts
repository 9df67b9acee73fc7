/**
 * Gaps in the numbers of a control connection that its data connections account for: they share one series, and a block may be
 * captured behind a line that was sent after it.
 */
import type { Peer } from '../protection/mechanism.js';
import type { ObservedMessage } from '../session/events.js';

/** So many gaps of one side are kept open. What a capture has of more is lost for good. */
const MAX_OPEN = 4096;

/** Places `from` to `to`, without `to`, that had not come before a line. */
interface Gap {
  from: bigint;
  to: bigint;
  /** How many of them have not come yet. */
  left: bigint;
  message: ObservedMessage;
}

interface Side {
  /** The highest place that has come. */
  highest: bigint | undefined;
  /** In ascending order. */
  gaps: Gap[];
}

export class Gaps {
  readonly #sides: Record<Peer, Side> = {
    client: { highest: undefined, gaps: [] },
    server: { highest: undefined, gaps: [] },
  };

  /** Takes a line whose token was opened. */
  line(message: ObservedMessage): void {
    const { place, from } = message;
    if (place === undefined) return;
    const side = this.#sides[from];
    const expected = side.highest === undefined ? place : side.highest + 1n;
    if (place > expected) side.gaps.push({ from: expected, to: place, left: place - expected, message });
    if (side.gaps.length > MAX_OPEN) side.gaps.shift();
    if (place >= expected) side.highest = place;
  }

  /** Takes a block of a data connection: a line behind a gap that blocks have filled is in its place. */
  block(from: Peer, place: bigint): void {
    const side = this.#sides[from];
    if (side.highest === undefined || place > side.highest) {
      side.highest = place;
      return;
    }
    const at = side.gaps.findIndex(gap => gap.from <= place && place < gap.to);
    const gap = side.gaps[at];
    if (gap === undefined || --gap.left > 0n) return;
    side.gaps.splice(at, 1);
    const { message } = gap;
    if (message.sequence === 'gap') message.sequence = 'ok';
    if (message.error?.code === 'security/out-of-sequence') message.error = undefined;
  }
}
