/**
 * Gaps in the token numbers of a control connection that its data connections explain. Both share one series of
 * numbers, and a block may be captured after a line that was sent later.
 */
import type { Peer } from '../protection/mechanism.js';
import type { ObservedMessage } from '../session/events.js';

/** How many gaps of one side are kept open. If there are more, the oldest stays unexplained. */
const MAX_OPEN = 4096;

/** The places from `from` up to, but not including, `to`, which were missing before a line. */
interface Gap {
  from: bigint;
  to: bigint;
  /** How many of these places are still missing. */
  left: bigint;
  message: ObservedMessage;
}

interface Side {
  /** The highest place received so far. */
  highest: bigint | undefined;
  /** In ascending order. */
  gaps: Gap[];
}

export class Gaps {
  readonly #sides: Record<Peer, Side> = {
    client: { highest: undefined, gaps: [] },
    server: { highest: undefined, gaps: [] },
  };

  /** Records a line whose token was opened. */
  line(message: ObservedMessage): void {
    const { place, from } = message;
    if (place === undefined) return;
    const side = this.#sides[from];
    const expected = side.highest === undefined ? place : side.highest + 1n;
    if (place > expected) side.gaps.push({ from: expected, to: place, left: place - expected, message });
    if (side.gaps.length > MAX_OPEN) side.gaps.shift();
    if (place >= expected) side.highest = place;
  }

  /** Records a block of a data connection. When blocks have filled a gap, the line after the gap is no longer out of order. */
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
