/** No case: what shows how a client under test behaves with replies that nobody has bent. */
import { toUtf8 } from '../../bytes.js';
import { formatReply } from '../../ftp/reply.js';
import type { Bender } from './bender.js';
import { fittedReply } from './sound-server.js';

/**
 * Without a case: the command that `at` names gets a sound reply with the marker in it, or one that refuses; `send` and `fail`
 * have the first transfer from there on go well, with its own marker, or fail at its end.
 */
export type Plain = 'accept' | 'refuse' | 'send' | 'fail';

export const PLAIN: Readonly<Record<Plain, Bender>> = {
  accept: {
    toCommand: ({ isFirst, answer, protect }) =>
      isFirst ? { chunks: [protect(toUtf8(fittedReply(answer, '200 Ok\r\n')))], isSound: true } : undefined,
  },
  refuse: {
    toCommand: ({ verb, protect }) => ({ chunks: [protect(formatReply(verb === 'USER' ? 530 : 550, 'No'))] }),
    dropsTransfer: true,
  },
  send: { sends: 'marked' },
  fail: { sends: 'failing' },
};
