/**
 * Removes Telnet commands from a control connection (RFC 854; RFC 959 §4.1.3). RFC 1123 §4.1.2.12 forbids options there, but
 * a Synch before ABOR, or the octets of a peer that tries to negotiate, must not end up in a command or a reply. A Telnet
 * command must not hide the end of a line either: otherwise a peer could join two lines into one.
 */
import { CR, LF } from '../bytes.js';

/** Interpret As Command; doubled, it means the octet 0xFF itself. */
const IAC = 0xff;
/** The first of the four commands with one more octet: WILL, WONT, DO, DONT. */
const WILL = 0xfb;
const SB = 0xfa;
const SE = 0xf0;
const DM = 0xf2;
const IP = 0xf4;
/** The lowest octet of a command: EOF of RFC 1184. RFC 854 itself begins at SE. */
const FIRST_COMMAND = 0xec;

/** `interrupted` is text directly after IAC IP. */
type State = 'text' | 'interrupted' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command';

export class TelnetFilter {
  #state: State = 'text';

  /** Whether a Telnet command has begun and not ended. */
  get open(): boolean {
    return this.#state !== 'text' && this.#state !== 'interrupted';
  }

  /** Whether the next octet may be something else than text, or than the IAC that ends it. */
  get busy(): boolean {
    return this.#state !== 'text';
  }

  /** Forgets a command that has begun, so that text comes next. */
  reset(): void {
    this.#state = 'text';
  }

  /**
   * The text of a chunk. IAC IAC becomes one 0xFF. These are removed: WILL, WONT, DO and DONT with their option; a
   * subnegotiation, up to its end or that of its line; every other command; and a Data Mark after IAC IP, since clients send
   * IAC IP IAC DM before ABOR (RFC 959 §4.1.3) with the second IAC as urgent data, which many receivers never see. An IAC
   * before an octet that is not a command is text: names in Latin-1 contain a single 0xFF, and it must not hide the line end
   * after it.
   * @returns the chunk itself if nothing was removed
   */
  filter(chunk: Uint8Array): Uint8Array {
    if (this.#state === 'text' && !chunk.includes(IAC)) return chunk;
    // One octet longer than the chunk: the IAC that ended the last chunk may turn out to be text.
    const text = new Uint8Array(chunk.length + 1);
    let length = 0;
    for (let i = 0; i < chunk.length; i++) {
      const octet = chunk[i]!;
      switch (this.#state) {
        case 'text':
        case 'interrupted':
          if (octet !== IAC && !(octet === DM && this.#state === 'interrupted')) text[length++] = octet;
          this.#state = octet === IAC ? 'command' : 'text';
          break;
        case 'command':
          this.#state = afterIac(octet);
          if (octet === IAC || octet < FIRST_COMMAND) text[length++] = IAC;
          if (octet < FIRST_COMMAND) text[length++] = octet;
          break;
        case 'option':
          this.#state = 'text';
          if (octet === CR || octet === LF) text[length++] = octet;
          break;
        case 'subnegotiation':
        case 'subnegotiation-command':
          this.#state = afterSubnegotiation(this.#state, octet);
          if (octet === LF) text[length++] = octet;
          break;
      }
    }
    return text.subarray(0, length);
  }
}

/** A subnegotiation ends with IAC SE, or with its line. */
function afterSubnegotiation(state: State, octet: number): State {
  if (octet === LF || (state === 'subnegotiation-command' && octet === SE)) return 'text';
  return octet === IAC && state === 'subnegotiation' ? 'subnegotiation-command' : 'subnegotiation';
}

function afterIac(octet: number): State {
  if (octet === SB) return 'subnegotiation';
  if (octet === IP) return 'interrupted';
  return octet >= WILL && octet < IAC ? 'option' : 'text';
}
