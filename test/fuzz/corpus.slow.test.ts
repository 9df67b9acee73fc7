/** The corpus that `rfc2228 fuzz corpus` writes, before it is files. */
import { describe, expect, it } from 'vitest';
import { type CorpusFile, corpusFiles } from '../../src/fuzz/corpus.js';
import { references } from '../../src/fuzz/perform.js';
import { nodeCiphers } from '../../src/node/index.js';

describe('the corpus', () => {
  const make = (maxOctets?: number) => [
    ...corpusFiles({ seed: 3, ciphers: nodeCiphers, ...(maxOctets && { maxOctets }) }),
  ];
  const keys = references(3, nodeCiphers).filter(({ exchange }) => exchange?.isKeyless !== true);
  let made: CorpusFile[] | undefined;
  const once = () => (made ??= make());
  const nameOf = ({ folder, name }: CorpusFile) => `${folder}/${name}`;

  it('has a file of each key and folder, and none twice', () => {
    const names = once().map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(once().map(({ about }) => about.keys)).size).toBe(keys.length);
    for (const folder of ['server-exchange', 'client-exchange']) {
      expect(once().filter(file => file.folder === folder).length).toBeGreaterThan(150);
    }
  });

  it('is the same from the same seed, but for the files that are too long', () => {
    const longest = Math.max(...once().map(({ octets }) => octets.length));
    expect(longest).toBeLessThanOrEqual(0x10000);
    const shorter = once().filter(({ octets }) => octets.length < longest);
    expect(make(longest - 1).map(nameOf)).toEqual(shorter.map(nameOf));
  });

  it('has the lines of scripts: clear ones once, protected ones under each of the keys', () => {
    const linesOf = (script: string) =>
      once()
        .filter(({ about }) => about.case.layer === 'phases' && about.case.name === script)
        .map(({ octets }) => Buffer.from(octets).toString('latin1'));
    expect(linesOf('ADAT before AUTH')).toEqual(['ADAT AAAA\r\n']);
    expect(linesOf('335 to AUTH')).toEqual(['335 ADAT=AAAA\r\n']);
    const sessions = keys.filter(({ session }) => session !== undefined);
    const eachMatching = (line: RegExp) => sessions.map(() => expect.stringMatching(line));
    expect(sessions.length).toBeGreaterThan(5);
    expect(linesOf('PBSZ of letters')).toEqual(eachMatching(/^MIC [^\r]+\r\n$/));
    expect(linesOf('PROT in the clear')).toEqual(eachMatching(/^MIC [^\r]+\r\nPROT C\r\n$/));
  });
});
