/** The anatomy of a line: what `rfc2228 decode` says of it, without keys. */

import { toUtf8 } from '../../bytes.js';
import { type DecodedLine, type Describer, decodeLine } from '../../capture/decode-line.js';
import type { MessageRecord } from '../../capture/index.js';
import { FtpSecurityError } from '../../errors.js';
import { describeGsiToken } from '../../mechanisms/gsi/describe.js';
import { describeKrb4Token } from '../../mechanisms/krb4/describe.js';
import { describeKrb5Token } from '../../mechanisms/krb5/describe.js';

const DESCRIBERS: readonly Describer[] = [describeKrb5Token, describeGsiToken, describeKrb4Token].map(describe => ({
  describe,
}));

/** @returns undefined if the transcript does not have the line: a protected one of which only the text is known */
export function decodeMessage(message: MessageRecord): DecodedLine | FtpSecurityError | undefined {
  const { level, token, wire, text } = message;
  const line = level === 'clear' ? text : token == null ? null : `${wire}${/^[0-9]/.test(wire) ? '' : ' '}${token}`;
  if (line === null) return undefined;
  const bytes = toUtf8(line);
  try {
    return decodeLine({ bytes, raw: toUtf8(`${line}\r\n`) }, DESCRIBERS);
  } catch (error) {
    if (error instanceof FtpSecurityError) return error;
    throw error;
  }
}
