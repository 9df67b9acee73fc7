/**
 * Whole courses of a session between honest peers, in any order: CCC, PROT at each level, transfers both ways, whole, unread,
 * read late, aborted and refused. Whatever was before, each is as if it had been alone.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/bytes.js';
import type { BlockReader } from '../../src/protection/data-block.js';
import type { CommandEvent } from '../../src/session/events.js';
import { MECHANISMS } from './mechanisms.js';
import { type Pair, secured } from './pair.js';

const FILE = new Uint8Array(300).map((_, i) => i);
const UPLOADS = ['STOR a', 'STOU', 'APPE a'];
const DOWNLOADS = ['RETR a', 'LIST', 'NLST', 'MLSD'];

/** What is left to be done behind the course, where a reader reads late. */
type Later = (() => void)[];
type Step = { what: string; run(pair: Pair, later: Later): void };

function readAll(reader: BlockReader): Uint8Array {
  const texts: Uint8Array[] = [];
  for (let text = reader.next(); text !== undefined; text = reader.next()) texts.push(text);
  return concat(...texts);
}

function answer(pair: Pair, code: number, event: CommandEvent): void {
  pair.reply(pair.server.reply(code, ['first', 'last'], event));
}

function readers(pair: Pair, isUpload: boolean) {
  const [sender, recipient] = isUpload ? [pair.client, pair.server] : [pair.server, pair.client];
  return { writer: () => sender.dataWriter(), reader: () => recipient.dataReader() };
}

const HOWS = [
  'whole',
  'early reader',
  'late',
  'unread',
  'aborted',
  'aborted unread',
  'refused',
  'ABOR',
  'no 1yz',
] as const;

function transfer(command: string, how: (typeof HOWS)[number]): Step['run'] {
  const isUpload = UPLOADS.includes(command);
  return (pair, later) => {
    const { writer, reader } = readers(pair, isUpload);
    const early = how === 'early reader' ? reader() : undefined;
    const event = pair.command(command);
    if (how === 'refused') return answer(pair, 550, event);
    // Before a download it is necessary: see sequence.test.ts.
    if (how !== 'no 1yz' || !isUpload) answer(pair, 150, event);
    const reads = early ?? reader();
    const writes = writer();
    const some = concat(writes.write(FILE.subarray(0, 100)), writes.write(FILE.subarray(100, 200)));
    if (how === 'aborted' || how === 'ABOR') {
      reads.push(some.subarray(0, 150));
      reads.next();
    }
    if (how === 'ABOR') {
      const abort = pair.command('ABOR');
      answer(pair, 426, event);
      return answer(pair, 226, abort);
    }
    if (how.startsWith('aborted')) return answer(pair, 426, event);
    const octets = concat(some, writes.write(FILE.subarray(200)), writes.end());
    const read = () => {
      reads.push(octets);
      expect(readAll(reads)).toEqual(FILE);
      reads.close();
      expect(reads.ended).toBe(true);
    };
    if (how === 'late') later.push(read);
    else if (how !== 'unread') read();
    answer(pair, 226, event);
  };
}

const TRANSFERS = [...UPLOADS, ...DOWNLOADS].flatMap(command => HOWS.map(how => ({ command, how })));

function steps(letters: readonly string[]): fc.Arbitrary<Step> {
  const step = (what: string, run: Step['run']): Step & { [fc.toStringMethod](): string } => ({
    what,
    run,
    [fc.toStringMethod]: () => what,
  });
  const commands = fc
    .constantFrom<'clear' | 'private' | undefined>(undefined, 'private')
    .map(level => step(`NOOP ${level ?? ''}`, pair => answer(pair, 200, pair.command('NOOP', level))));
  const transfers = fc
    .constantFrom(...TRANSFERS)
    .map(({ command, how }) => step(`${command} ${how}`, transfer(command, how)));
  return fc.oneof(
    { arbitrary: transfers, weight: 5 },
    { arbitrary: commands, weight: 1 },
    {
      arbitrary: fc
        .constantFrom(...letters)
        .map(letter => step(`PROT ${letter}`, pair => pair.settle(`PROT ${letter}`))),
      weight: 1,
    },
    { arbitrary: fc.constant(step('CCC', pair => pair.settle('CCC'))), weight: 1 },
  );
}

function play({ contexts }: (typeof MECHANISMS)[number], course: readonly Step[]): Pair {
  const pair = secured({ contexts: contexts(), client: { allowWeak: true }, server: { allowWeak: true } });
  pair.settle('PBSZ 128');
  const later: Later = [];
  for (const { run } of course) run(pair, later);
  for (const read of later) read();
  return pair;
}

describe.each(MECHANISMS)('$name', row => {
  it('transfers anything in any order', () => {
    fc.assert(
      fc.property(fc.array(steps(row.letters), { minLength: 1, maxLength: 12, size: 'max' }), course => {
        play(row, course);
      }),
    );
  });

  const orders = row.letters.flatMap(letter =>
    [[], ['CCC']].flatMap(ccc => ['STOR a', 'RETR a'].flatMap(first => HOWS.map(how => ({ letter, ccc, first, how })))),
  );

  it('transfers whole files, one behind the other, under each PROT, before and after CCC', () => {
    for (const { letter, ccc, first, how } of orders) {
      for (const command of ['STOR a', 'RETR a']) {
        const pair = play(row, []);
        for (const line of [`PROT ${letter}`, ...ccc]) pair.settle(line);
        const later: Later = [];
        const course = () => {
          transfer(first, how)(pair, later);
          for (let i = 0; i < 2; i++) transfer(command, 'whole')(pair, later);
          for (const read of later) read();
          answer(pair, 200, pair.command('NOOP', 'private'));
        };
        expect(course, `${[letter, ...ccc, first, how, command]}`).not.toThrow();
      }
    }
  });
});
