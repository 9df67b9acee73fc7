import { describe, expect, it } from 'vitest';
import { FtpSecurityError, refusalFrom } from '../src/errors.js';

describe('what was caught', () => {
  it('is a refusal, or is thrown again', () => {
    const refusal = new FtpSecurityError('syntax/bad-reply', 'no reply');
    expect(refusalFrom(refusal)).toBe(refusal);
    for (const fault of [new TypeError('ours'), new RangeError('ours'), 'text', undefined]) {
      let thrown: unknown = 'nothing';
      try {
        refusalFrom(fault);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBe(fault);
    }
  });
});
