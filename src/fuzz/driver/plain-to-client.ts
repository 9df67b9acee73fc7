/** No case: what shows how a client under test behaves with replies that are not mutated. */
import { formatReply } from '../../ftp/reply.js';
import type { Due, ReplyMutator, Said } from './reply-mutator.js';
import { markerOf } from './server-replies.js';

/**
 * Without a case: every reply is valid, with its number as a marker in it, or the command that `at` names is refused; `send` and `fail`
 * have the first transfer from there on go well, with its own marker, or fail at its end.
 */
export type Plain = 'accept' | 'refuse' | 'send' | 'fail';

/** Every reply that is for people gets its number, so that what a client prints tells which replies it shows. */
function numbered({ number, answer: [code, text], protect }: Due): Said | undefined {
  if (FOR_MACHINES.includes(code)) return undefined;
  return { chunks: [protect(formatReply(code, `${text} ${markerOf(number)}`))], isValid: true };
}

/** Replies whose text a client parses: sizes, times and addresses. */
const FOR_MACHINES: readonly number[] = [213, 227, 228, 229];

export const PLAIN: Readonly<Record<Plain, ReplyMutator>> = {
  accept: { toCommand: numbered, toOther: numbered },
  refuse: {
    toCommand: ({ verb, protect }) => ({ chunks: [protect(formatReply(verb === 'USER' ? 530 : 550, 'No'))] }),
    dropsTransfer: true,
  },
  send: { sends: 'marked' },
  fail: { sends: 'failing' },
};
