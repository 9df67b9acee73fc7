/** Writes the man page. Run by `npm run build`. */
import { writeFileSync } from 'node:fs';
import { manPage } from '../../dist/cli/man-page.js';

const { SOURCE_DATE_EPOCH } = process.env;
const date = SOURCE_DATE_EPOCH === undefined ? new Date() : new Date(Number(SOURCE_DATE_EPOCH) * 1000);
writeFileSync(new URL('../../dist/rfc2228.1', import.meta.url), manPage(date.toISOString().slice(0, 10)));
