/** The clients of the grid, and how they copy and list. */
import { join } from 'node:path';
import type { Grid } from './grid.js';
import { script } from './program.js';

const BOTH = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof BOTH)[number];

const JARS = [
  'jglobus-gridftp',
  'jglobus-gss',
  'jglobus-jsse',
  'jglobus-ssl-proxies',
  'bcprov',
  'commons-logging',
].concat(['log4j-1.2', 'commons-codec', 'commons-io']);

/** Where the clients differ. */
export interface GridClient {
  versions: readonly TlsVersion[];
  copy(grid: Grid, source: string, destination: string): readonly string[];
  list?(url: string): readonly string[];
  /** What it says of a file that is not there. */
  missing: RegExp;
}

export const GRID_CLIENTS: Readonly<Record<string, GridClient>> = {
  'globus-url-copy': {
    versions: BOTH,
    copy: (_, ...urls) => ['globus-url-copy', '-nodcau', ...urls],
    list: url => ['globus-url-copy', '-nodcau', '-list', url],
    missing: /550/,
  },
  'arccp, arcls': {
    versions: BOTH,
    copy: (_, ...urls) => ['arccp', '-f', ...urls],
    list: url => ['arcls', '-l', url],
    missing: /No such file/,
  },
  'gfal-copy, gfal-ls': {
    versions: BOTH,
    copy: (_, ...urls) => ['gfal-copy', '-f', ...urls],
    list: url => ['gfal-ls', url],
    missing: /No such file/,
  },
  JGlobus: {
    versions: ['TLSv1.2'],
    copy: ({ folder }, ...urls) => [
      'java',
      '-XX:TieredStopAtLevel=1',
      `-DX509_CERT_DIR=${join(folder, 'certificates')}`,
      '-cp',
      JARS.map(jar => `/usr/share/java/${jar}.jar`).join(':'),
      script('Transfer.java'),
      join(folder, 'user.pem'),
      join(folder, 'user.key'),
      ...urls,
    ],
    missing: /550/,
  },
};
