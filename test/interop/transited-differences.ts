/** What MIT krb5 and Heimdal are known to make of transited realms in another way than we do: entries of vectors/deviations.json. */
import type { Library } from './realm.js';
import { type TransitedList, weDecode } from './transited-lists.js';

export interface Compared extends TransitedList {
  /** The contents. */
  text: string;
  /** Whether all are trusted. Of Heimdal: the realms, or `malformed`. */
  ours: boolean | string;
  theirs: boolean | string;
}

/** Each has an entry among `verdicts` in vectors/deviations.json. */
export const TRANSITED_DIFFERENCES: Readonly<
  Record<Library, Readonly<Record<string, (compared: Compared) => boolean>>>
> = {
  mit: {
    'transited-x500': ({ ours, client, server, text }) =>
      ours === true && [client, server, text].some(it => /(^|,) *\\?\//.test(it)),
    'transited-null-subfield': ({ ours, text }) => ours === true && hasNull(text),
    'transited-suffix': compared => compared.theirs === true && hasNull(compared.text) && endAlike(compared),
    'transited-null-first': ({ theirs, text }) => theirs === true && /^,+[^,]*\.(,|$)/.test(text),
    'transited-end': ({ theirs, text }) => theirs === true && /[\\\0]$/.test(text),
    'transited-quoted': ({ text }) => /\\[./]/.test(text),
    'transited-anonymous': ({ theirs, client }) => theirs === true && client === 'WELLKNOWN:ANONYMOUS',
    'transited-long': ({ theirs, text }) => theirs === true && text.length > 500,
  },
  heimdal: {
    'transited-null-first': ({ text }) => /^ *([^,]|\\,)*\.(,|$)/.test(text),
    'transited-blank': ({ text }) => /(^|,)( {2}| ([^,]|\\,)*\.(,|$))/.test(text),
    'transited-slash-dot': ({ text }) => /(^|,)\\?\/([^,]|\\,)*\.(,|$)/.test(text),
    'transited-quoted': ({ text }) => /\\\//.test(text),
    'transited-end': ({ ours, text }) => text.includes('\0') || (ours === 'malformed' && text.endsWith('\\')),
    'transited-long': ({ ours, text }) => ours === 'malformed' && text.length > 500,
  },
};

const hasNull = (text: string) => /^,|,(,|$)/.test(text);

/** Whether one of the names ends in another that is not above it. */
function endAlike(list: TransitedList): boolean {
  const names = [list.client, list.server, ...(weDecode(list) ?? [])];
  return names.some(one => names.some(other => one !== other && one.endsWith(other) && !one.endsWith(`.${other}`)));
}
