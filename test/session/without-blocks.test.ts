/** A mechanism without a token for an empty text, as GSI: it has no blocks for data connections. */
import { describe, expect, it } from 'vitest';
import { TLS_1_3 } from '../../src/mechanisms/gsi/tls/key-schedule.js';
import { BlockReader, BlockWriter } from '../../src/protection/data-block.js';
import { errorOf } from '../helpers.js';
import { pairOf, protocolOf } from '../mechanisms/gsi/pairs.js';
import { type Pair, secured } from './pair.js';

const contexts = () => pairOf(protocolOf(TLS_1_3, 'TLS_AES_128_GCM_SHA256'));

/** A session that has granted PROT P: the application may give its data connections TLS of their own. */
function session(): Pair {
  const pair = secured({ contexts: contexts() });
  pair.settle('PBSZ 4096');
  pair.settle('PROT P');
  return pair;
}

describe('a mechanism without blocks', () => {
  it('has neither a writer nor a reader of them, which says what to do', () => {
    const { initiator } = contexts();
    for (const Maker of [BlockWriter, BlockReader]) {
      const error = errorOf(() => new Maker(initiator, 'private', { bufferSize: 4096 }));
      expect([error.code, error.side, error.reply]).toEqual(['security/level-unsupported', 'local', 536]);
      expect(error.message).toContain('PROT C');
      expect(new Maker(initiator, 'clear')).toBeInstanceOf(Maker);
    }
    const { client, server } = session();
    for (const make of [() => client.dataWriter(), () => server.dataReader()]) {
      expect(errorOf(make).code).toBe('security/level-unsupported');
    }
  });

  it('answers and sends during a transfer as without one: no line could be moved between blocks', () => {
    const pair = session();
    for (const transfer of ['STOR a', 'RETR a']) {
      const event = pair.command(transfer);
      expect(pair.reply(pair.server.reply(150, 'go on', event)).level).toBe('private');
      const status = pair.command('STAT');
      expect(pair.reply(pair.server.reply(211, 'going on', status)).reply.code).toBe(211);
      expect(pair.reply(pair.server.reply(226, 'done', event)).reply.code).toBe(226);
    }
  });
});
