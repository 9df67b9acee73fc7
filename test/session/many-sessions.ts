/** Many control connections in one process, which exchange commands and replies in random order: time of each, and memory. */
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Choices, choicesFrom } from '../../src/fuzz/choices.js';
import { krb5Context } from '../../src/mechanisms/krb5/index.js';
import { type Contexts, Pair } from './pair.js';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

export interface ManySessions {
  /** Octets that one session holds, its context included, the mean of clients and servers: when it has its context. */
  secured: number;
  /** The same after half of the messages, and at the end. */
  used: number;
  atEnd: number;
  /** Microseconds from a command to its reply, both protected: of the middle one, of one in a hundred, of the slowest. */
  median: number;
  hundredth: number;
  most: number;
  /** Of wall-clock time, for all messages. */
  seconds: number;
}

/**
 * @param connections  each a client and a server session
 * @param messages  commands and replies together, spread over the connections at random
 */
export function manySessions(connections: number, messages: number): ManySessions {
  const times = new Float64Array(messages / 2);
  const before = held();
  const pairs = Array.from({ length: connections }, () => new Pair().secure(newContexts()));
  const each = () => (held() - before) / (2 * pairs.length);
  const secured = each();
  const started = performance.now();
  let used = 0;
  for (let i = 0; i < times.length; i++) {
    // Random numbers are made in blocks.
    if (i % BLOCK === 0) choices = new Choices(choicesFrom(i + 1, BLOCK));
    const pair = choices.of(pairs);
    const start = performance.now();
    const { command } = pair.command('NOOP', i % 2 === 0 ? 'private' : 'safe');
    const { reply } = pair.reply(pair.server.reply(200, `${command.verb} is done`));
    times[i] = performance.now() - start;
    if (reply.lines[0] !== 'NOOP is done') throw new Error(`another reply: ${reply.lines[0]}`);
    if (i + 1 === times.length >> 1) used = each();
  }
  const seconds = (performance.now() - started) / 1000;
  const atEnd = each();
  times.sort();
  const at = (share: number) => 1000 * times[Math.floor(share * (times.length - 1))]!;
  return { secured, used, atEnd, median: at(0.5), hundredth: at(0.99), most: at(1), seconds };
}

const BLOCK = 4096;
let choices: Choices;

function newContexts(): Contexts {
  const shared = { enctype: 18, key: randomBytes(32), acceptorSubkey: true };
  const [one, other] = [randomBytes(4).readUInt32BE() >>> 2, randomBytes(4).readUInt32BE() >>> 2];
  return {
    initiator: krb5Context({ ...shared, role: 'initiator', sendSequence: one, receiveSequence: other }),
    acceptor: krb5Context({ ...shared, role: 'acceptor', sendSequence: other, receiveSequence: one }),
  };
}

/** Octets in use. */
function held(): number {
  // The second time waits for what the first has let go.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
