import { describe, expect, test } from 'vitest';
import { controlConnections } from '../../src/capture/control-connections.js';
import type { Segment } from '../../src/capture/link-layer.js';
import { reassemble } from '../../src/capture/tcp.js';
import { lines, talk } from './helpers.js';

const found = (segments: readonly Segment[], ports?: number[]) =>
  [...controlConnections(reassemble(segments), ports).values()].map(({ client, server }) => `${client} ${server}`);
const CONTROL = '192.0.2.1:40000 192.0.2.2:21';
const LOGIN = lines('S: 220 hello', 'C: USER me', 'S: 331 password');
const withoutSyn = (segments: Segment[]) => segments.slice(3);
const another = (port: number, ...spoken: string[]) =>
  talk(lines(...spoken), { ends: [`192.0.2.1:${port}`, `192.0.2.2:${port + 1}`] });

describe('a control connection', () => {
  test.each([
    ['an ordinary one', talk(LOGIN)],
    ['one whose client leaves at the greeting', talk(lines('S: 421 too many users'))],
    ['one whose greeting is the bare code', talk(lines('S: 220', 'C: USER me', 'S: 331'))],
    ['one whose client leaves at a greeting of the bare code', talk(lines('S: 220'))],
    ['one with an empty line before its greeting', talk(lines('S: ', 'S: 220 hello', 'C: USER me', 'S: 331 a'))],
    ['one whose capture starts late', withoutSyn(talk(lines('C: CWD x', 'S: 250 fine')))],
    [
      'one whose capture starts inside a long reply',
      withoutSyn(talk(lines('S:  x', 'S:  y', 'S: 214 end', 'C: PWD', 'S: 257 a'))),
    ],
    [
      'one whose greeting was lost in part',
      talk(lines('S: 220-hello', 'S: banner', 'S: 220 ready', 'C: USER a', 'S: 331 x')).filter((_, i) => i !== 3),
    ],
  ])('is found: %s', (_, segments) => {
    expect(found(segments)).toEqual([CONTROL]);
  });

  test.each([
    ['SMTP', talk(lines('S: 220 hello', 'C: EHLO me', 'S: 250 fine', 'C: QUIT', 'S: 221 bye'))],
    ['SMTP from the middle on', withoutSyn(talk(lines('C: MAIL FROM:<a>', 'S: 250 fine', 'C: QUIT', 'S: 221 bye')))],
    ['NNTP', talk(lines('S: 200 news ready', 'C: MODE READER', 'S: 200 fine', 'C: QUIT', 'S: 205 bye'))],
    ['a connection that says nothing', talk([])],
    ['a client alone', talk(lines('C: USER me'))],
  ])('is not %s', (_, segments) => {
    expect(found(segments)).toEqual([]);
  });

  test('is not a data connection whose content begins like a greeting', () => {
    expect(found([...talk(LOGIN), ...another(50_000, 'S: 220 lines of a log')])).toEqual([CONTROL]);
  });

  test('is whatever connects where one is served', () => {
    const silent = talk([], { ends: ['192.0.2.3:1', '192.0.2.2:21'] });
    expect(found([...silent, ...talk(LOGIN)])).toEqual(['192.0.2.3:1 192.0.2.2:21', CONTROL]);
  });

  test('is on the port that is asked for', () => {
    const both = [...talk(LOGIN), ...another(50_000, 'S: 220 hello', 'C: USER me', 'S: 331 a')];
    expect(found(both)).toHaveLength(2);
    expect(found(both, [21])).toEqual([CONTROL]);
  });
});
