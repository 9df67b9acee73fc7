/** What mechanisms learn about a connection; both ends of a socket see the same. */
import { describe, expect, test } from 'vitest';
import { channelOf, octetsOfAddress } from '../../src/node/channel.js';
import type { AnySocket } from '../../src/node/socket-stream.js';

describe('octetsOfAddress', () => {
  test.each([
    ['127.0.0.1', '7f000001'],
    ['255.1.0.10', 'ff01000a'],
    ['::ffff:192.0.2.7', 'c0000207'],
    ['::FFFF:c000:207', 'c0000207'],
    ['::', '0'.repeat(32)],
    ['::1', `${'0'.repeat(31)}1`],
    ['1::', `0001${'0'.repeat(28)}`],
    ['2001:db8::8:800:200c:417a', '20010db80000000000080800200c417a'],
    ['2001:DB8:1:2:3:4:5:6', '20010db8000100020003000400050006'],
    ['fe80::1%eth0', `fe80${'0'.repeat(27)}1`],
    ['::192.0.2.7', `${'0'.repeat(24)}c0000207`],
  ])('%s', (text, hex) => {
    expect(Buffer.from(octetsOfAddress(text)!).toString('hex')).toBe(hex);
  });

  test('nothing, a name, half an address: none', () => {
    for (const text of [undefined, '', 'localhost', '1.2.3', '1:2']) expect(octetsOfAddress(text)).toBeUndefined();
  });
});

test('the two sides of a connection have the same ends; a stream without addresses has none', () => {
  const [here, there] = ['192.0.2.1', '192.0.2.2'];
  const client = { localAddress: here, remoteAddress: there } as AnySocket;
  const server = { localAddress: there, remoteAddress: here } as AnySocket;
  expect(channelOf(client, 'client')).toEqual(channelOf(server, 'server'));
  expect(channelOf(client, 'client')).toEqual({
    initiator: Uint8Array.of(192, 0, 2, 1),
    acceptor: Uint8Array.of(192, 0, 2, 2),
  });
  expect(channelOf({} as AnySocket, 'server')).toEqual({});
});
