import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify, REPLY_CODES, type ReplyGroup, type ReplyKind } from '../../src/ftp/reply-codes.js';

// Every code that the RFCs, and what FTP clients show beside them, are known for.
const CODES = `110 120 125 150 200 202 211 212 213 214 215 220 221 225 226 227 228 229 230 231 232 234 235 250 257
  331 332 334 335 336 350 421 425 426 430 431 434 450 451 452 500 501 502 503 504 521 522 530 532 533 534 535 536 537
  550 551 552 553 554 555 631 632 633 10054 10060 10061 10065 10066 10068`;

const DIGITS: [code: number, kind: ReplyKind, group: ReplyGroup | undefined, final: boolean][] = [
  [150, 'positive-preliminary', 'file-system', false],
  [200, 'positive-completion', 'syntax', true],
  [211, 'positive-completion', 'information', true],
  [227, 'positive-completion', 'connections', true],
  [331, 'positive-intermediate', 'authentication', true],
  [421, 'transient-negative', 'connections', true],
  [449, 'transient-negative', 'unspecified', true],
  [535, 'permanent-negative', 'authentication', true],
  [632, 'protected', 'authentication', false],
  [599, 'permanent-negative', undefined, true],
  [260, 'positive-completion', undefined, true],
  [170, 'positive-preliminary', undefined, false],
  [380, 'positive-intermediate', undefined, true],
  [690, 'protected', undefined, false],
  [699, 'protected', undefined, false],
];

describe('what a reply code says', () => {
  it('has a meaning and a source for every known code, and each code once', () => {
    expect(REPLY_CODES.map(([code]) => code)).toEqual(CODES.split(/\s+/).map(Number));
    for (const [code, meaning, source] of REPLY_CODES) expect(classify(code)).toMatchObject({ code, meaning, source });
  });

  it('is one record', () => {
    expect(classify(535)).toEqual({
      code: 535,
      kind: 'permanent-negative',
      group: 'authentication',
      final: true,
      meaning: 'A security check failed',
      source: 'RFC 2228 §5.1',
    });
  });

  it('may be changed without harm to the next', () => {
    const first = classify(220);
    first.meaning = 'changed';
    expect(classify(220).meaning).not.toBe('changed');
  });

  it.each(DIGITS)('by its digits: %i is %s, %s, final %s', (code, kind, group, final) => {
    expect(classify(code)).toMatchObject({ code, kind, group, final });
  });

  it.each([
    [100, 'positive-preliminary', /another reply follows/, 'RFC 959 §4.2'],
    [300, 'positive-intermediate', /send the next command/, 'RFC 959 §4.2'],
    [400, 'transient-negative', /try the sequence again/, 'RFC 959 §4.2'],
    [600, 'protected', /decode it first/, 'RFC 2228 §5.2'],
  ])('%i has the meaning of its first digit, in the group syntax', (code, kind, meaning, source) => {
    expect(classify(code)).toMatchObject({ kind, group: 'syntax', meaning: expect.stringMatching(meaning), source });
  });

  it('has separate entries for 200 and 500', () => {
    expect(classify(200)).toMatchObject({ meaning: expect.stringMatching(/nothing more/), source: 'RFC 959 §4.2.2' });
    expect(classify(500)).toMatchObject({ meaning: expect.stringMatching(/^Not under/), source: 'RFC 959 §4.2.2' });
  });

  it('is that of the first digit for a code that is not in the table', () => {
    expect(classify(299)).toEqual({ ...classify(201), code: 299, group: undefined });
    expect(classify(201).meaning).toBe('Done');
    expect(classify(501).meaning).not.toBe(classify(599).meaning);
    expect(classify(599).meaning).toMatch(/don't send it again unchanged/);
  });

  it('shows that numbers of Windows Sockets are not replies', () => {
    expect(classify(10060)).toEqual({
      code: 10060,
      kind: 'winsock',
      group: undefined,
      final: false,
      meaning: 'The peer did not answer in time',
      source: 'Winsock',
    });
    for (const code of [10000, 10055, 11001, 11999]) {
      expect(classify(code)).toEqual({ code, kind: 'winsock', group: undefined, final: false });
    }
  });

  it.each([0, -0, 7, 99, 700, 999, 1000, 9999, 12000, -220, 220.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    '%d is unknown',
    code => {
      expect(classify(code)).toEqual({ code, kind: 'unknown', group: undefined, final: false });
    },
  );

  it('is asked with a number', () => {
    expect(() => classify('220' as never)).toThrow(TypeError);
    expect(() => classify(undefined as never)).toThrow(TypeError);
  });

  it('follows the digits for every reply code', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(9), fc.nat(9), (x, y, z) => {
        const { kind, group, final } = classify(100 * x + 10 * y + z);
        expect(kind).toBe(classify(100 * x).kind);
        expect(group).toBe(y < 6 ? classify(500 + 10 * y).group : undefined);
        expect(final).toBe(x >= 2 && x <= 5);
      }),
    );
  });
});
