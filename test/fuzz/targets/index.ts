/** Every target, from the octets up. */
import { base64 } from './base64.js';
import { commands } from './commands.js';
import { dataBlocks } from './data-blocks.js';
import { der } from './der.js';
import { exchange } from './exchange.js';
import { exchangeKrb4 } from './exchange-krb4.js';
import { files } from './files.js';
import { innerCommands, innerReplies } from './inner.js';
import { lines } from './lines.js';
import { negotiation } from './negotiation.js';
import { observer } from './observer.js';
import { protectedLines } from './protected-lines.js';
import { recordings } from './recordings.js';
import { replies } from './replies.js';
import { reproducers } from './reproducers.js';
import { securityData } from './security-data.js';
import { clientSession, serverSession } from './sessions.js';
import type { Target } from './target.js';
import { tokens } from './tokens.js';

export const TARGETS: readonly Target[] = [
  lines,
  replies,
  commands,
  base64,
  protectedLines,
  securityData,
  innerReplies,
  innerCommands,
  dataBlocks,
  serverSession,
  clientSession,
  observer,
  ...tokens,
  der,
  exchange,
  exchangeKrb4,
  negotiation,
  reproducers,
  files,
  recordings,
];
