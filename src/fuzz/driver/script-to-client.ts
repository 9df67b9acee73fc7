/** A reply out of order to a client under test (RFC 2228 §3, §5 and §7). */
import { concatAll } from '../../bytes.js';
import type { FuzzSession } from '../mutation.js';
import { type ClientScript, type ScriptLine, scriptOctets } from '../phases.js';
import type { Bender, Said } from './bender.js';
import { MARKER } from './sound-server.js';

export function scriptBender({ start, line }: ClientScript): Bender {
  return BENDERS[start](line);
}

const BENDERS: Readonly<Record<ClientScript['start'], (line: ScriptLine) => Bender>> = {
  greeted: line => ({ toAuth: () => said(line) }),
  // A client that believes it has no keys, or others.
  auth: line => ({ toAuth: sound => behind(sound, said(line)), isLost: true }),
  exchange: line => ({ toAnyAdat: () => said(line) }),
  adat: line => ({
    toAdat: ({ code, session }, sound) => (code === 235 ? behind(sound, said(marked(line), session)) : undefined),
  }),
  secured: line => ({ toCommand: ({ session }) => said(marked(line), session), dropsTransfer: true }),
};

/** @returns undefined where the mechanism lacks the line's level */
function said(line: ScriptLine, session?: FuzzSession): Said | undefined {
  const octets = scriptOctets(line, 'client', session?.context);
  return octets && { chunks: [octets] };
}

/** In one piece with a sound reply. */
function behind(sound: Uint8Array, line: Said | undefined): Said | undefined {
  return line && { chunks: [concatAll([sound, ...line.chunks])], isEarly: true };
}

function marked(line: ScriptLine): ScriptLine {
  return { ...line, text: `${line.text} ${MARKER}` };
}
