/** The same invalid tokens in recordings: the observer of a connection, and a capture file. */
import { describe } from 'vitest';
import { PATHS } from './paths.js';
import { refusesInvalidTokens } from './refusals.js';

describe('observers and captures call failed', () => {
  refusesInvalidTokens(PATHS.filter(({ name }) => /observer|capture/.test(name)));
});
