/** A process with many sessions: none of them keeps anything of the messages that it has exchanged. */
import { expect, it } from 'vitest';
import { manySessions } from './many-sessions.js';

/** Octets. A session holds a fifth to a half of it (`npm run bench:sessions`). */
const MOST_OF_ONE = 32 * 1024;

it('a session holds as much after 100,000 messages as after half of them', () => {
  const { used, atEnd } = manySessions(1000, 100_000);
  expect(atEnd).toBeLessThan(1.02 * used);
  expect(atEnd).toBeLessThan(MOST_OF_ONE);
  // What is collected too early was not measured.
  expect(atEnd).toBeGreaterThan(1024);
});
