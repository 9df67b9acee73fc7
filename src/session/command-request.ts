/** What a command asks for, as the rules want to know it. */
import { CR, LF } from '../bytes.js';
import type { Command } from '../ftp/command.js';
import type { ProtectionLevel } from '../protection/protection-level.js';
import { parseAuth, parseCcc, parsePbszCommand, parseProt } from '../protection/security-data.js';
import type { CommandRequest } from './rules.js';

/** @throws FtpSecurityError `syntax/bad-command` for an argument that can't be read: 501, or 504 */
export function commandRequest(command: Command, level: ProtectionLevel): CommandRequest {
  const { verb } = command;
  switch (verb) {
    case 'AUTH':
      return { verb, level, mechanism: parseAuth(command) };
    case 'PBSZ':
      return { verb, level, bufferSize: parsePbszCommand(command) };
    case 'PROT':
      return { verb, level, protection: parseProt(command) };
    case 'CCC':
      parseCcc(command);
  }
  return { verb, level };
}

/** Whether a line ends in LF alone. */
export function endsBare(raw: Uint8Array): boolean {
  return raw.some((octet, at) => octet === LF && raw[at - 1] !== CR);
}
