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

describe('a message', () => {
  it('has no characters that control a terminal or a log', () => {
    const { message } = new FtpSecurityError('security/no-key', 'no key for \x1b[2Jftp\r\n2026 accepted\u202e@X');
    expect(message).toBe('no key for \\u{1b}[2Jftp\\r\\n2026 accepted\\u{202e}@X');
  });

  it('shows each octet of a name that is no UTF-8, which would all look the same', () => {
    const { message } = new FtpSecurityError('security/no-key', 'no key for \udcfc\udcff@X \u{1f600}');
    expect(message).toBe('no key for \\u{dcfc}\\u{dcff}@X \u{1f600}');
  });

  it('is not as long as a peer likes', () => {
    const { message } = new FtpSecurityError('security/no-key', `no key for ${'x'.repeat(100_000)}`);
    expect(message).toMatch(/^no key for x{1988}…$/);
  });
});
