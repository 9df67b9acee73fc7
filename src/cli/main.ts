#!/usr/bin/env node
/** The command `rfc2228` as a process: its arguments, its streams and its exit status. */
import { runCommand } from './command.js';
import { EXIT } from './status.js';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of this output may close it early, as `head` does. What was not written may name an error, so this is no success.
  process.exit(error.code === 'EPIPE' ? EXIT.brokenPipe : EXIT.unusable);
});

process.exitCode = await runCommand(process.argv.slice(2), process);
