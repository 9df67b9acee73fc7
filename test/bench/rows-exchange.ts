/** Both sides of an exchange, mutual, beside MIT's; and what a context takes in memory. */
import { krb5Acceptor, krb5Initiator, ReplayCache } from '../../src/mechanisms/krb5/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { SecurityContext, Step } from '../../src/protection/mechanism.js';
import { manySessions } from '../session/many-sessions.js';
import type { Row, Side } from './measure.js';
import type { Mit } from './mit.js';
import { benchRealm, contexts } from './realm.js';

export function exchangeRows(mit: Mit | undefined): Row[] {
  return [18, 20].map(enctype => ({
    name: `exchange, both sides, enctype ${enctype}`,
    sides: [
      ours(exchanges(enctype)),
      ...(mit === undefined ? [] : [{ name: 'MIT', run: (count: number) => mit.of(enctype).exchange(count) }]),
    ],
    goals: { MIT: 3 },
  }));
}

/** An exchange runs through so much code that it takes some thousand of them until all is compiled. */
function ours(run: (count: number) => void): Side {
  let isWarm = false;
  return {
    name: 'ours',
    prepare() {
      if (!isWarm) run(4000);
      isWarm = true;
    },
    run,
  };
}

function exchanges(enctype: number): (count: number) => void {
  const { keytab, credential } = benchRealm(enctype);
  return count => {
    const replayCache = new ReplayCache();
    for (let i = 0; i < count; i++) {
      const initiator = krb5Initiator({
        credentials: [credential],
        service: 'ftp@host.example.test',
        ciphers: nodeCiphers,
      });
      const acceptor = krb5Acceptor({ keytab, replayCache, ciphers: nodeCiphers });
      const answer = acceptor.step((initiator.step() as Step).token) as Step;
      const { context } = initiator.step(answer.token) as Step;
      context!.destroy();
      answer.context!.destroy();
    }
  };
}

/** KiB on the heap and beside it, as the number of milliseconds that a side gives for itself. */
export function memoryRows(): Row[] {
  return [
    {
      name: 'memory of a context that has sent and received both levels, enctype 18',
      unit: 'KiB',
      count: 500,
      sides: [{ name: 'ours', run: heapOfContexts }],
    },
    {
      name: 'memory of a session with such a context, mean of client and server, 20 commands and replies each',
      unit: 'KiB',
      count: 500,
      sides: [{ name: 'ours', run: count => (manySessions(count, 40 * count).atEnd / 1024) * count }],
    },
  ];
}

function heapOfContexts(count: number): number {
  const held: SecurityContext[] = [];
  const before = used();
  for (let i = 0; i < count; i++) {
    const [ours, theirs] = contexts(18);
    for (const level of ['safe', 'private'] as const) {
      ours.unwrap(theirs.wrap(Uint8Array.of(1), level).token);
      theirs.unwrap(ours.wrap(Uint8Array.of(1), level).token);
    }
    held.push(ours, theirs);
  }
  const each = (used() - before) / held.length / 1024;
  for (const context of held) context.destroy();
  return Math.max(0, each * count);
}

function used(): number {
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
