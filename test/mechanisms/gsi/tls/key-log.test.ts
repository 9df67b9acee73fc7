import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../src/bytes.js';
import { parseKeyLog } from '../../../../src/mechanisms/gsi/index.js';
import { ascii, onlyRefuses } from '../../../helpers.js';

const ID = 'ab'.repeat(32);
const SECRET = 'cd'.repeat(48);

describe('a key log', () => {
  test('has secrets by label and client random, in either case, with any line ends', () => {
    const log = parseKeyLog(
      ascii(
        `# remark\r\nCLIENT_RANDOM ${ID.toUpperCase()} ${SECRET}\n\nRSA 0102030405060708 ${SECRET}\rCLIENT_TRAFFIC_SECRET_0 ${ID} ${'ef'.repeat(32)}`,
      ),
    );
    expect(log.error).toBeUndefined();
    expect(log.size).toBe(3);
    expect(toHex(log.find('CLIENT_RANDOM', fromHex(ID))!)).toBe(SECRET);
    expect(toHex(log.find('RSA', fromHex('0102030405060708'))!)).toBe(SECRET);
    expect(toHex(log.find('CLIENT_TRAFFIC_SECRET_0', fromHex(ID))!)).toBe('ef'.repeat(32));
    expect(log.find('CLIENT_RANDOM', new Uint8Array(32))).toBeUndefined();
    expect(log.find('SERVER_TRAFFIC_SECRET_0', fromHex(ID))).toBeUndefined();
  });

  test('may have more blanks than one between and around the parts of a line', () => {
    const log = parseKeyLog(ascii(`  RSA   0102030405060708 \t ${SECRET}  \n\tCLIENT_RANDOM ${ID} ${SECRET}\t\n`));
    expect([log.size, log.error]).toEqual([2, undefined]);
  });

  test('may have labels that are not known, also those of JavaScript', () => {
    const log = parseKeyLog(
      ascii(`CLIENT_EARLY_TRAFFIC_SECRET ${ID} zz\nconstructor ${ID} ${SECRET}\n__proto__ a b\n`),
    );
    expect([log.size, log.error]).toEqual([0, undefined]);
  });

  test.each([
    ['without a secret', `CLIENT_RANDOM ${ID}`],
    ['with a secret that is cut', `CLIENT_RANDOM ${ID} ${SECRET.slice(0, -1)}`],
    ['with a secret of another length', `CLIENT_RANDOM ${ID} ${'cd'.repeat(32)}`],
    ['with a random of another length', `CLIENT_RANDOM abcd ${SECRET}`],
    ['that is no hex', `CLIENT_RANDOM ${ID} ${'xy'.repeat(48)}`],
    ['with more behind it', `CLIENT_RANDOM ${ID} ${SECRET} 00`],
  ])('with a line %s has the others; the warning has its number, and nothing of its text', (_, line) => {
    const log = parseKeyLog(ascii(`RSA 0102030405060708 ${SECRET}\n${line}\n`));
    expect(log.size).toBe(1);
    expect(log.error?.code).toBe('syntax/bad-file');
    expect(log.error?.message).toMatch(/^key log: line 2 is not a valid CLIENT_RANDOM line$/);
  });

  test('of any octets is read', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), octets => void onlyRefuses(() => parseKeyLog(octets))));
  });
});
