/**
 * Telnet commands taken out of a control connection (RFC 854; RFC 959 §4.1.3). RFC 1123 §4.1.2.12 forbids options
 * there, but a Synch before ABOR, or a peer that tries to negotiate, must not end up in a command or a reply. Since none
 * may be there, none may swallow the end of a line either, and with it the lines that follow.
 */
import { CR, LF } from '../bytes.js';

/** Interpret As Command; doubled, it stands for the octet itself. */
const IAC = 0xff;
/** The four that take one more octet: WILL, WONT, DO, DONT. */
const WILL = 0xfb;
const SB = 0xfa;
const SE = 0xf0;
const DM = 0xf2;
const IP = 0xf4;
/** The lowest octet that a command has: EOF of RFC 1184. RFC 854 itself begins at SE. */
const FIRST_COMMAND = 0xec;

/** `interrupted` is text, directly behind IAC IP. */
type State = 'text' | 'interrupted' | 'command' | 'option' | 'subnegotiation' | 'subnegotiation-command';

export class TelnetFilter {
  #state: State = 'text';

  /** Whether a Telnet command has begun and not ended. */
  get open(): boolean {
    return this.#state !== 'text' && this.#state !== 'interrupted';
  }

  /** Forgets a command that has begun. */
  reset(): void {
    this.#state = 'text';
  }

  /**
   * The text of a chunk: IAC IAC becomes one 0xFF; WILL, WONT, DO and DONT with their option, a subnegotiation to its
   * end or that of its line, and every other command vanish, and so does a Data Mark behind IAC IP: clients send IAC IP IAC
   * DM before ABOR (RFC 959 §4.1.3) with the second IAC as urgent data, which many receivers never see. An IAC before an octet that is no command is text: names in Latin-1 come with
   * a single 0xFF, and it must not swallow the line end behind it.
   * @returns the chunk itself when there is nothing to take out
   */
  filter(chunk: Uint8Array): Uint8Array {
    if (this.#state === 'text' && !chunk.includes(IAC)) return chunk;
    // One more than comes in: the IAC that ended the last chunk may turn out to be text.
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

/** IAC SE ends it, or else the line does. */
function afterSubnegotiation(state: State, octet: number): State {
  if (octet === LF || (state === 'subnegotiation-command' && octet === SE)) return 'text';
  return octet === IAC && state === 'subnegotiation' ? 'subnegotiation-command' : 'subnegotiation';
}

function afterIac(octet: number): State {
  if (octet === SB) return 'subnegotiation';
  if (octet === IP) return 'interrupted';
  return octet >= WILL && octet < IAC ? 'option' : 'text';
}
