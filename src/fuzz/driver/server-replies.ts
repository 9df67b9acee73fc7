/** The replies of a conforming server to each command, so that a client reaches the point where it is tested. */
import { FILE } from '../mutations/data.js';

/** Part of the text of every mutated reply: a client that prints it has accepted the reply. */
export const MARKER = 'mutated-by-rfc2228';

/**
 * The marker of a reply that is not mutated.
 * @param number  of its protected command, from 1
 */
export function markerOf(number: number): string {
  return `${MARKER}-${number}`;
}

/** A reply of one line. */
export type Answer = readonly [code: number, text: string];

const ANSWERS: Readonly<Record<string, Answer>> = {
  USER: [232, 'User logged in'],
  PASS: [230, 'User logged in'],
  ACCT: [230, 'User logged in'],
  SYST: [215, 'UNIX Type: L8'],
  PWD: [257, '"/" is here'],
  XPWD: [257, '"/" is here'],
  MKD: [257, '"/made" created'],
  RNFR: [350, 'And to what?'],
  REST: [350, 'The next transfer starts there'],
  SIZE: [213, `${FILE.length}`],
  MDTM: [213, '20200101000000'],
  STAT: [211, 'All is well'],
  HELP: [214, 'No help'],
  ABOR: [226, 'No transfer is active'],
  QUIT: [221, 'Goodbye'],
  ...answered([250, 'Done'], 'CWD CDUP DELE RMD RNTO'),
  ...answered([200, 'Done'], 'TYPE MODE STRU OPTS NOOP'),
  ...answered([202, 'No need'], 'ALLO SITE'),
};

function answered(answer: Answer, verbs: string): Record<string, Answer> {
  return Object.fromEntries(verbs.split(' ').map(verb => [verb, answer]));
}

/** The reply to a command, without its data connection. */
export function usualAnswer(verb: string): Answer {
  return ANSWERS[verb] ?? [502, 'Not implemented'];
}

/** A reply with the number of lines of `shape`, and the marker in its last line. */
export function fittedReply([code, text]: Answer, shape: string): string {
  const lines = shape.split('\r\n').slice(0, -1);
  const coded = lines.slice(0, -1).map(line => line.replace(/^\d{3}/, `${code}`));
  return [...coded, `${code} ${text} ${MARKER}`, ''].join('\r\n');
}
