/** Protected replies read and made through the public path, beside MIT's gss_unwrap and gss_wrap with base 64 in C. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { cbc } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384 } from '@noble/hashes/sha2.js';
import type { BlockCiphers } from '../../src/block-cipher.js';
import { toUtf8 } from '../../src/bytes.js';
import { ProtectedReplyReader, protectReply, ReplyReader } from '../../src/index.js';
import { nodeCiphers } from '../../src/node/index.js';
import type { TokenLevel } from '../../src/protection/protection-level.js';
import { inOneMemory, type Row, type Side } from './measure.js';
import type { Mit } from './mit.js';
import { contexts } from './realm.js';

type Work = 'read' | 'make';

/** How many times MIT's time ours may take, by enctype. */
const GOALS: Record<Work, (enctype: number, level: TokenLevel, node: boolean) => number> = {
  read: (enctype, level, node) => {
    if (enctype === 23) return 5;
    if (enctype === 19 || enctype === 20) return 2.5;
    return level === 'safe' ? 5 : node ? 3.5 : 4.5;
  },
  make: (enctype, level) => {
    if (enctype === 23) return 5;
    return level === 'safe' ? 4 : 3.5;
  },
};

/** Octets of replies. Other enctypes have the first alone. */
const SIZES = [100, 60, 512, 16384];
const ENCTYPES = new Map([[18, SIZES], ...[17, 19, 20, 23].map((it): [number, number[]] => [it, SIZES.slice(0, 1)])]);

export function tokenRows(mit: Mit | undefined): Row[] {
  const rows: Row[] = [];
  for (const [enctype, sizes] of ENCTYPES) {
    for (const size of sizes) {
      for (const level of ['private', 'safe'] as const) {
        for (const work of ['read', 'make'] as const) {
          for (const node of [false, true]) rows.push(row(mit, { work, level, size, enctype, node }));
        }
      }
    }
  }
  return rows;
}

interface Shape {
  work: Work;
  level: TokenLevel;
  /** Octets of the inner reply, its line end counted. */
  size: number;
  enctype: number;
  /** With Node's ciphers where they are faster, or noble alone. */
  node: boolean;
}

function row(mit: Mit | undefined, shape: Shape): Row {
  const { work, level, size, enctype, node } = shape;
  const code = level === 'private' ? 632 : 631;
  const sealed = level === 'private';
  const ours = node ? nodeCiphers : undefined;
  const sides: Side[] = [work === 'read' ? reading(shape, ours) : making(shape, ours)];
  if (mit !== undefined) {
    const worker = mit.of(enctype);
    sides.push({
      name: 'MIT',
      run: count => worker.messages(work, sealed, size, count),
    });
  }
  // The level safe has one HMAC, and the enctype 23 no AES.
  if (sealed && enctype !== 23) sides.push(node ? nodeAlone(shape) : nobleAlone(shape));
  return {
    name: `${work} a ${code} of ${size} octets, enctype ${enctype}${node ? ', with nodeCiphers' : ''}`,
    sides,
    ...(size <= 512 && { goals: { MIT: GOALS[work](enctype, level, node) } }),
  };
}

const textOf = (size: number) => toUtf8(`200 ${'x'.repeat(size - 6)}\r\n`);

function reading({ enctype, level, size }: Shape, ciphers: BlockCiphers | undefined): Side {
  const [ours, theirs] = contexts(enctype, ciphers);
  const [outer, inner] = [new ReplyReader(), new ProtectedReplyReader(ours)];
  let chunks: Uint8Array[] = [];
  return {
    name: 'ours',
    prepare(count) {
      chunks = inOneMemory(Array.from({ length: count }, () => protectReply(theirs, level, textOf(size))));
    },
    run() {
      for (const chunk of chunks) {
        outer.push(chunk);
        inner.push(outer.next()!);
        if (inner.next()?.inner.code !== 200) throw new Error('not the reply that was sent');
      }
    },
  };
}

function making({ enctype, level, size }: Shape, ciphers: BlockCiphers | undefined): Side {
  const [, ours] = contexts(enctype, ciphers);
  const text = textOf(size);
  return {
    name: 'ours',
    run(count) {
      for (let i = 0; i < count; i++) protectReply(ours, level, text);
    },
  };
}

const HASHES = { 17: sha1, 18: sha1, 19: sha256, 20: sha384 };
const NODE_HASHES = { 17: 'sha1', 18: 'sha1', 19: 'sha256', 20: 'sha384' };

/** Confounder, text and header in whole blocks. */
const sealedLength = (size: number) => Math.ceil((16 + size + 16) / 16) * 16;
const keyOf = (enctype: number) => new Uint8Array(enctype % 2 === 0 ? 32 : 16).fill(1);

/** The cipher and the checksum of one token by calls of noble, as its documentation has them. */
function nobleAlone({ work, size, enctype }: Shape): Side {
  const [key, octets, iv] = [keyOf(enctype), new Uint8Array(sealedLength(size)), new Uint8Array(16)];
  const hash = HASHES[enctype as keyof typeof HASHES];
  return {
    name: 'noble alone',
    run(count) {
      for (let i = 0; i < count; i++) {
        const cipher = cbc(key, iv, { disablePadding: true });
        if (work === 'read') cipher.decrypt(octets);
        else cipher.encrypt(octets);
        hmac(hash, key, octets);
      }
    },
  };
}

/** The same by calls of node:crypto. */
function nodeAlone({ work, size, enctype }: Shape): Side {
  const [key, octets, iv] = [keyOf(enctype), new Uint8Array(sealedLength(size)), new Uint8Array(16)];
  const name = `aes-${8 * key.length}-cbc`;
  const hash = NODE_HASHES[enctype as keyof typeof NODE_HASHES];
  return {
    name: 'node:crypto',
    run(count) {
      for (let i = 0; i < count; i++) {
        const cipher = work === 'read' ? createDecipheriv(name, key, iv) : createCipheriv(name, key, iv);
        cipher.setAutoPadding(false).update(octets);
        cipher.final();
        createHmac(hash, key).update(octets).digest();
      }
    },
  };
}
