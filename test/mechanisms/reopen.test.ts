/** Contexts that number their tokens open one again for those who look at a recording. */
import { describe, expect, it } from 'vitest';
import { expectCode } from '../helpers.js';
import { NUMBERED } from '../session/mechanisms.js';

describe.each(NUMBERED)('reopen of $name', ({ contexts }) => {
  const text = Uint8Array.of(1, 2, 3);

  it('opens a token that was replayed, or that comes early, and uses no number', () => {
    const { initiator, acceptor } = contexts();
    const [a, b] = [initiator.wrap(text, 'private').token, initiator.wrap(text, 'safe').token];
    expect(acceptor.reopen!(b)).toEqual({ plaintext: text, level: 'safe' });
    expect(acceptor.lastReceived).toBeUndefined();
    expect(acceptor.unwrap(a).sequence).toBe('ok');
    expect(acceptor.reopen!(a)).toEqual({ plaintext: text, level: 'private' });
    expect(acceptor.unwrap(b).sequence).toBe('ok');
    expectCode(() => acceptor.unwrap(a), 'security/replayed');
  });

  it('opens no token that was altered, and none after destroy', () => {
    const { initiator, acceptor } = contexts();
    const { token } = initiator.wrap(text, 'private');
    const altered = token.map((octet, i) => (i === token.length - 1 ? octet ^ 1 : octet));
    expectCode(() => acceptor.reopen!(altered), 'security/bad-checksum');
    acceptor.destroy();
    expectCode(() => acceptor.reopen!(token), 'sequence/closed');
  });
});
