/** Data blocks, raw or around valid tokens: any chunking gives the same verified octets in their order, or the same FtpSecurityError. */
import { concat, concatAll, u32be, viewOf } from '../../../src/bytes.js';
import { BlockReader } from '../../../src/protection/data-block.js';
import { quickContext } from './quick-context.js';
import { contains, cutAt, hold, inChunks, octets, type Target } from './target.js';

const BUFFER_SIZE = 120;
const MARK = 0xfe;

/** First octet: 0 the rest is what comes; 1 texts for valid blocks; 2 the same with a length each, less what is right. */
function wireOf(input: Uint8Array): Uint8Array {
  const mode = (input[0] ?? 0) % 3;
  const rest = input.subarray(1);
  if (mode === 0) return rest;
  const sender = quickContext('initiator');
  return concatAll(
    cutAt(rest, MARK).map(part => {
      const off = mode === 2 && part.length > 0 ? viewOf(part).getInt8(0) : 0;
      const { token } = sender.wrap(mode === 2 ? part.subarray(1) : part, 'safe');
      return concat(u32be(token.length + off), token);
    }),
  );
}

export const dataBlocks: Target = {
  name: 'data-blocks',
  invariant: 'any chunking gives the same octets, all of them verified; only FtpSecurityError escapes',
  run(input) {
    const wire = wireOf(input);
    const newReader = () => new BlockReader(quickContext('acceptor'), 'safe', { bufferSize: BUFFER_SIZE });
    const results = [wire.length + 1, 1, 1 + (wire.length % 9)].map(size => {
      const reader = newReader();
      const taken: Uint8Array[] = [];
      let error = '';
      try {
        for (const chunk of inChunks(wire, size)) {
          reader.push(chunk);
          for (let text = reader.next(); text !== undefined; text = reader.next()) taken.push(text);
        }
        reader.close();
      } catch (thrown) {
        error = (thrown as { code?: string }).code ?? String(thrown);
      }
      hold(error.includes('/') || error === '', `escaped: ${error}`);
      return { text: concatAll(taken), error };
    });
    const [whole, ...others] = results;
    for (const other of others)
      hold(other.error === whole!.error && contains(whole!.text, other.text), 'chunks matter');
    hold(
      contains(input, new Uint8Array(whole!.text.filter(octet => octet !== MARK))) || whole!.text.length > 0,
      'octets from nowhere',
    );
  },
  seeds: [
    '\x01hello\xfe world\xfe',
    '\0\0\0\0\0',
    '\x02\0a\xfe\x01b\xfe\0',
    '\0\x7f\xff\xff\xffab',
    '\x01\xfe\xfe',
  ].map(octets),
  words: ['\xfe', '\0\0\0\x29', '\xff\xff\xff\xff'],
};
