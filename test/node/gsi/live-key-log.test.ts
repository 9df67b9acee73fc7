import { expect, test } from 'vitest';
import { fromHex, toHex, toUtf8 } from '../../../src/bytes.js';
import { LiveKeyLog } from '../../../src/node/gsi/live-key-log.js';

test('a secret is found by label and random, until it is erased', () => {
  const log = new LiveKeyLog();
  const random = '0123456789abcdef'.repeat(4);
  log.add(toUtf8(`CLIENT_RANDOM ${random} 00ff10a9${'7f'.repeat(44)}\n`));
  const secret = log.find('CLIENT_RANDOM', fromHex(random))!;
  expect(toHex(secret)).toBe(`00ff10a9${'7f'.repeat(44)}`);
  expect([log.size, log.find('EXPORTER_SECRET', fromHex(random))]).toEqual([1, undefined]);
  log.destroy();
  expect([log.size, toHex(secret)]).toEqual([0, '00'.repeat(48)]);
});
