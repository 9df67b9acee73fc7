/** What became of a mutated transfer (RFC 2228 §6), and which of it is a finding. */

import type { ErrorCode } from '../../errors.js';
import type { FuzzCase } from '../cases.js';
import { type Finding, findingOf, judged, type Outcome, withFinding } from './outcome.js';

/** What it means when data is accepted that had to be refused for a reason; the rest is as with a text. */
const ACCEPTED: Partial<Record<ErrorCode, Finding>> = {
  'syntax/truncated': 'truncated data accepted',
  'syntax/bad-block': 'malformed data accepted',
  'syntax/limit-exceeded': 'malformed data accepted',
  'security/out-of-sequence': 'blocks out of order accepted',
};

/** The outcome, and its finding if the case leaves any. */
export function judgedTransfer(outcome: Outcome, { expected }: FuzzCase): Outcome {
  if (outcome.kind !== 'accepted' || expected.verdict !== 'refuse') return judged(outcome, expected);
  return withFinding(outcome, ACCEPTED[expected.codes[0]!] ?? findingOf(expected.codes));
}
