/** For the runner of tests: the examples name the package, and are to meet its source, as the tests do. */
import { fileURLToPath } from 'node:url';

const path = (file: string) => fileURLToPath(new URL(`../src/${file}`, import.meta.url));

export const source = {
  alias: [
    { find: /^rfc2228$/, replacement: path('index.ts') },
    { find: /^rfc2228\/krb5$/, replacement: path('mechanisms/krb5/index.ts') },
    { find: /^rfc2228\/node$/, replacement: path('node/index.ts') },
  ],
};
