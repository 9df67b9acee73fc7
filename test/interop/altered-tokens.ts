/** Tokens changed at random, and the tokens of fuzz cases, which are lines. */
import { concat } from '../../src/bytes.js';
import { CommandReader } from '../../src/ftp/command.js';
import { ReplyReader } from '../../src/ftp/reply.js';
import type { Choices } from '../../src/fuzz/choices.js';
import { decodeProtectedCommand } from '../../src/protection/protected-command.js';
import { decodeProtectedReply } from '../../src/protection/protected-reply.js';

const KINDS = ['a bit', 'an octet', 'cut', 'longer', 'two octets', 'mixed'] as const;

export function altered(token: Uint8Array, draw: Choices): Uint8Array {
  const copy = Uint8Array.from(token);
  const at = draw.below(token.length);
  switch (draw.of(KINDS)) {
    case 'a bit':
      copy[at]! ^= 1 << draw.below(8);
      return copy;
    case 'an octet':
      copy[at] = draw.of([0, 1, 0x7f, 0x80, 0xff]);
      return copy;
    case 'cut':
      return copy.subarray(0, at);
    case 'longer':
      return concat(copy.subarray(0, at), draw.octets(1 + draw.below(40)), copy.subarray(at));
    case 'two octets':
      copy.set(draw.octets(Math.min(2, token.length - at)), at);
      return copy;
    case 'mixed':
      for (let i = draw.below(6); i >= 0; i--) copy[draw.below(token.length)]! ^= 1 << draw.below(8);
      return copy;
  }
}

/** The tokens of commands, as far as they can be read: what is mutated here are tokens alone. */
export function tokensOfCommands(octets: Uint8Array): Uint8Array[] {
  const reader = new CommandReader();
  reader.push(octets);
  const tokens: Uint8Array[] = [];
  for (let command = reader.next(); command !== undefined; command = reader.next()) {
    tokens.push(decodeProtectedCommand(command).token);
  }
  return tokens;
}

/** The same of replies. */
export function tokensOfReplies(octets: Uint8Array): Uint8Array[] {
  const reader = new ReplyReader();
  reader.push(octets);
  const tokens: Uint8Array[] = [];
  for (let reply = reader.next(); reply !== undefined; reply = reader.next()) {
    tokens.push(...decodeProtectedReply(reply).tokens);
  }
  return tokens;
}
