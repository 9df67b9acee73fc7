/** What a file is, by its first octets. */
import { fromUtf8 } from '../../bytes.js';
import { recordingFormat } from '../../capture/index.js';

export type FileKind = 'recording' | 'gzip' | 'zstd' | 'transcript' | 'keytab' | 'key log' | 'srvtab' | 'unknown';

/** The first octets that decide. */
export const HEAD = 65_536;

/** @param head  the first octets, HEAD of them if there are as many */
export function fileKind(head: Uint8Array, name: string): FileKind {
  if (head[0] === 5 && (head[1] === 1 || head[1] === 2)) return 'keytab';
  const format = recordingFormat(head);
  if (format === 'gzip' || format === 'zstd') return format;
  if (format !== undefined) return 'recording';
  const text = fromUtf8(head);
  if (/^\s*\{"/.test(text)) return 'transcript';
  if (/^(?:CLIENT_|SERVER_|EXPORTER_|RSA )[A-Z_0-9]* ?[0-9a-fA-F]{16,}/m.test(text)) return 'key log';
  // A srvtab has nothing to know it by.
  return /srvtab/i.test(name) ? 'srvtab' : 'unknown';
}
