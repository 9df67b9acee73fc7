/**
 * How fast files go through protected data connections on 127.0.0.1, beside a plain one in the same run, and how much
 * memory that takes. After `npm run build`: node test/bench/data-streams.mjs [MiB] [bufferSize] [name]
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { BlockReader, BlockWriter } from '../../dist/index.js';
import { krb5Context } from '../../dist/mechanisms/krb5/index.js';
import { pskAcceptor, pskInitiator } from '../../dist/mechanisms/psk/index.js';
import { nodeCiphers, protectData, unprotectData } from '../../dist/node/index.js';

const [mebibytes = 256, bufferSize = 65536] = process.argv.slice(2, 4).map(Number);
const only = process.argv[4] ?? '';
const CHUNK = Buffer.alloc(65536, 'rfc2228 ');
const key = new Uint8Array(32).fill(1);

async function pskPair() {
  const [initiator, acceptor] = [pskInitiator({ key }), pskAcceptor({ key })];
  const { token } = await acceptor.step((await initiator.step()).token);
  const last = await initiator.step(token);
  return [last.context, (await acceptor.step(last.token)).context];
}

function kerberosPair(enctype, length) {
  const common = { enctype, key: key.subarray(0, length), acceptorSubkey: true, ciphers: nodeCiphers, allowWeak: true };
  return [
    krb5Context({ ...common, role: 'initiator', sendSequence: 0, receiveSequence: 0 }),
    krb5Context({ ...common, role: 'acceptor', sendSequence: 0, receiveSequence: 0 }),
  ];
}

const RUNS = [
  ['X-PSK', pskPair],
  ['aes128-cts-hmac-sha1-96', () => kerberosPair(17, 16)],
  ['aes256-cts-hmac-sha1-96', () => kerberosPair(18, 32)],
  ['aes256-cts-hmac-sha384-192', () => kerberosPair(20, 32)],
  ['arcfour-hmac-md5', () => kerberosPair(23, 16)],
];

function* file() {
  for (let i = 0; i < mebibytes * 16; i++) yield CHUNK;
}

/** Seconds, and the most octets that were in use. */
async function transfer(protect, unprotect) {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const from = connect({ host: '127.0.0.1', port: listener.address().port });
  const [to] = await accepted;
  listener.close();
  let [received, most] = [0, 0];
  const sink = new Writable({
    write(text, _encoding, done) {
      received += text.length;
      if (received % (1 << 24) < text.length) most = Math.max(most, process.memoryUsage().rss);
      done();
    },
  });
  const start = performance.now();
  await Promise.all([pipeline(Readable.from(file()), protect, from), pipeline(to, unprotect, sink)]);
  if (received !== mebibytes * 2 ** 20) throw new Error(`${received} octets came`);
  return { seconds: (performance.now() - start) / 1000, most };
}

const report = (name, { seconds, most }, plain) =>
  console.log(
    name.padEnd(36),
    `${(mebibytes / seconds).toFixed(1)} MiB/s`.padStart(14),
    `${((100 * plain) / seconds).toFixed(1)} % of plain`.padStart(18),
    `${(most / 2 ** 20).toFixed(0)} MiB resident`.padStart(18),
  );

console.log(`${mebibytes} MiB, both ends in this process, a protection buffer of ${bufferSize} octets`);
const plain = await transfer(new PassThrough(), new PassThrough());
report('plain', plain, plain.seconds);
for (const [name, pair] of RUNS) {
  for (const level of ['safe', 'private'].filter(it => `${name}, ${it}`.includes(only))) {
    const [sender, receiver] = await pair();
    const result = await transfer(
      protectData(new BlockWriter(sender, level, { bufferSize })),
      unprotectData(new BlockReader(receiver, level, { bufferSize })),
    );
    report(`${name}, ${level}`, result, plain.seconds);
  }
}
