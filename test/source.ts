/** Aliases for vitest: the examples import the package by its name; in tests that is the source. */
import { fileURLToPath } from 'node:url';

const path = (file: string) => fileURLToPath(new URL(`../src/${file}`, import.meta.url));

export const source = {
  alias: [
    { find: /^rfc2228$/, replacement: path('index.ts') },
    { find: /^rfc2228\/krb5$/, replacement: path('mechanisms/krb5/index.ts') },
    { find: /^rfc2228\/node$/, replacement: path('node/index.ts') },
  ],
};
