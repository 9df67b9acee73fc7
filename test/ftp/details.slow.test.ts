/** Hostile texts of any length in the details of replies, and in addresses, take work that is linear in their length. */
import { expect, it } from 'vitest';
import {
  parseEprt,
  parseExtendedPassiveReply,
  parseLongPassiveReply,
  parseLprt,
  parsePassiveReply,
  parsePort,
} from '../../src/ftp/addresses.js';
import { replyDetails } from '../../src/ftp/reply-details.js';
import { onlyRefuses } from '../helpers.js';
import { growth, LINEAR } from './readers.js';

it.each([
  [110, 'MARK '.repeat(4)],
  [120, 'x'],
  [213, '1'],
  [227, '1,'],
  [227, '1'],
  [227, '1 , '],
  [227, ' '],
  [228, '1,'],
  [228, '1'],
  [229, '(|||'],
  [229, '(1'],
  [257, '"'],
])('details of %i with many %j', (code, piece) => {
  const work = (size: number) => onlyRefuses(() => replyDetails({ code, lines: [piece.repeat(size)] }, 'SIZE'));
  expect(growth(work, 100_000)).toBeLessThan(LINEAR);
});

it.each(['1,', '(1,', '1', '(', '|||', '(|1|'])('addresses with many %j', piece => {
  const work = (size: number) => {
    const text = piece.repeat(size);
    onlyRefuses(() => parsePort({ verb: 'PORT', argument: text }));
    onlyRefuses(() => parseEprt({ verb: 'EPRT', argument: text }));
    onlyRefuses(() => parseLprt({ verb: 'LPRT', argument: text }));
    for (const parse of [parsePassiveReply, parseLongPassiveReply, parseExtendedPassiveReply]) {
      onlyRefuses(() => parse({ lines: [text] }, { strict: true }));
    }
  };
  expect(growth(work, 50_000)).toBeLessThan(LINEAR);
});
