/** Data connections that end before their last block: what the server says of the transfer decides what that shows. */
import { describe, expect, it } from 'vitest';
import { verifyRecording } from '../../src/capture/index.js';
import { psk } from '../../src/mechanisms/psk/index.js';
import { type Line, pcapOf, talk } from './helpers.js';
import { KEY, PskSession, said } from './psk-session.js';

const PASSIVE: [string, string] = ['192.0.2.1:41000', '192.0.2.2:50000'];

/** What is said of the only data connection, and all findings. */
function judged(session: PskSession) {
  const { records } = verifyRecording(pcapOf(session.parts.flat()), {
    mechanisms: [psk({ observer: { keys: [KEY] } })],
  });
  const data = records.filter(it => it.type === 'data');
  expect(data.map(({ verdict, error }) => [verdict, error?.code])).toEqual([['verified', 'syntax/truncated']]);
  const rules = records.filter(it => it.type === 'finding').map(({ rule, severity }) => `${severity} ${rule}`);
  return { givenUp: data[0]!.given_up, rules };
}

/** A file that ends early, in both directions. */
async function cutOff(verb: 'RETR' | 'STOR'): Promise<PskSession> {
  const session = (await PskSession.begin('192.0.2.1:40000')).asks('EPSV', '229 Extended (|||50000|)');
  const [from, by] = verb === 'RETR' ? ([1, 'server'] as const) : ([0, 'client'] as const);
  return session.asks(`${verb} a`, '150 Go').sends(PASSIVE, from, ['one', 'two'], by);
}

const GIVEN_UP = { givenUp: true, rules: ['low data-given-up'] };
const TRUNCATED = { givenUp: false, rules: ['high data-truncated'] };

describe.each(['RETR', 'STOR'] as const)('%s that ends early', verb => {
  it.each(['426 Aborted', '451 Local error', '552 Too much'])('is given up where the server says %s', async reply => {
    expect(judged((await cutOff(verb)).replies(reply).asks('NOOP', '200 Done'))).toEqual(GIVEN_UP);
  });

  it('and ABOR', async () => {
    const session = (await cutOff(verb)).asks('ABOR', '426 Aborted', '226 Done');
    expect(judged(session.asks('NOOP', '200 Done'))).toEqual(GIVEN_UP);
  });

  it('is truncated where the server says that it is complete', async () => {
    expect(judged((await cutOff(verb)).replies('226 Done').asks('QUIT', '221 Bye'))).toEqual(TRUNCATED);
  });

  it('and where the server says nothing of it', async () => {
    expect(judged(await cutOff(verb))).toEqual(TRUNCATED);
  });

  it('and where, after CCC, anybody may have said that it failed', async () => {
    const [from, by] = verb === 'RETR' ? ([1, 'server'] as const) : ([0, 'client'] as const);
    const session = (await PskSession.begin('192.0.2.1:40000')).asks('CCC', '200 Done');
    session.adds(said(0, 'EPSV'), said(1, '229 Extended (|||50000|)'), said(0, `${verb} a`), said(1, '150 Go'));
    const { givenUp, rules } = judged(session.sends(PASSIVE, from, ['one', 'two'], by).adds(said(1, '426 Aborted')));
    expect([givenUp, rules.includes('high data-truncated')]).toEqual([false, true]);
  });

  it('and where somebody else may have said that it failed', async () => {
    const session = (await cutOff(verb)).adds(said(1, '426 Aborted')).asks('QUIT', '221 Bye');
    const { givenUp, rules } = judged(session);
    expect([givenUp, rules.includes('high data-truncated'), rules.includes('high clear-reply-after-235')]).toEqual([
      ...[false, true, true],
    ]);
  });
});

it('a transfer is not given up by the reply to another one, which somebody has held back', async () => {
  const session = (await cutOff('RETR')).replies('426 Aborted').asks('EPSV', '229 Extended (|||50001|)');
  session.asks('RETR b', '150 Go').sends(['192.0.2.1:41001', '192.0.2.2:50001'], 1, ['three']);
  const { parts } = session.replies('226 Is done').asks('NOOP', '200 Done');
  const [aborted, done] = [-10, -4].map(at => parts.at(at)!.find(({ payload }) => payload.length > 0)!);
  [aborted!.payload, done!.payload] = [done!.payload, aborted!.payload];
  const { records } = verifyRecording(pcapOf(parts.flat()), { mechanisms: [psk({ observer: { keys: [KEY] } })] });
  expect(records.filter(it => it.type === 'data').map(it => [it.name, it.given_up])).toEqual([
    ['a', false],
    ['b', false],
  ]);
});

describe('a transfer that failed, as the server says', () => {
  const sent = async (blocks: (session: PskSession) => Line[]) => {
    const session = (await PskSession.begin('192.0.2.1:40000')).asks('EPSV', '229 Extended (|||50000|)');
    session.asks('RETR a', '150 Go');
    const data = talk(blocks(session), { ends: PASSIVE });
    // The end of the data may be captured after the reply.
    session.replies('426 Aborted').adds({ data }).asks('NOOP', '200 Done');
    const options = { mechanisms: [psk({ observer: { keys: [KEY] } })] };
    const { records } = verifyRecording(pcapOf(session.parts.flat()), options);
    const rules = records.filter(it => it.type === 'finding').map(({ rule }) => rule);
    return [...records.filter(it => it.type === 'data').map(it => [it.verdict, it.given_up]), ...rules];
  };

  it('may have all of its data nevertheless', async () => {
    expect(await sent(session => session.blocks(1, ['one', '']))).toEqual([['verified', false]]);
  });

  it('may have been altered before', async () => {
    const altered = (session: PskSession) => {
      const [first, { from, text }] = session.blocks(1, ['one', 'two']) as [Line, Line];
      return [first, { from, text: text.slice(0, -1) + (text.endsWith('a') ? 'b' : 'a') }];
    };
    expect(await sent(altered)).toEqual([['failed', false], 'data-altered']);
  });
});

it('a client that sends a file ahead has made blocks that it does not send if the server refuses it', async () => {
  const session = (await PskSession.begin('192.0.2.1:40000')).asks('EPSV', '229 Extended (|||50000|)').asks('STOR a');
  const [first, second] = session.blocks(0, ['one', 'two', 'three', ''], 'client');
  session.adds({ data: talk([first!, second!], { ends: PASSIVE, close: 'reset' }) }).replies('553 No');
  expect(judged(session.asks('NOOP', '200 Done'))).toEqual(GIVEN_UP);
});

it('is recorded without waiting for a reply that the capture lacks', async () => {
  const one = (await cutOff('RETR')).replies('426 Aborted').asks('NOOP', '200 Done').parts;
  const other = (await PskSession.begin('192.0.2.1:40001')).parts;
  // The reply and its acknowledgment were not captured; the other session comes before the end of this one.
  one.splice(-4, 1);
  const recorded: string[] = [];
  verifyRecording(pcapOf([...one.slice(0, -1), ...other, ...one.slice(-1)].flat()), {
    mechanisms: [psk({ observer: { keys: [KEY] } })],
    onRecord: it =>
      recorded.push(it.type === 'data' ? 'data' : it.type === 'message' ? `line of ${it.connection}` : ''),
  });
  expect(recorded).toContain('data');
  expect(recorded.lastIndexOf('line of 1')).toBeLessThan(recorded.indexOf('line of 2'));
});
