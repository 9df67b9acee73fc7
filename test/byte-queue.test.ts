import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../src/byte-queue.js';
import { growth, LINEAR } from './ftp/readers.js';

describe('octets that wait', () => {
  it('are appended at the end and dropped from the front', () => {
    const octets = new ByteQueue();
    octets.append(Uint8Array.of(1, 2, 3));
    octets.drop(1);
    octets.append(Uint8Array.of(4));
    expect(octets.view()).toEqual(Uint8Array.of(2, 3, 4));
    expect(octets.length).toBe(3);
    octets.drop(3);
    expect(octets.view()).toEqual(new Uint8Array());
  });

  it('are taken in memory of their own, without a copy if they are all that was appended', () => {
    const octets = new ByteQueue();
    octets.append(Uint8Array.of(1, 2, 3));
    const held = octets.view();
    expect(octets.take(3).buffer).toBe(held.buffer);
    octets.append(Uint8Array.of(4, 5, 6));
    const first = octets.take(2);
    octets.append(Uint8Array.of(7));
    expect([first, octets.take(2), octets.take(0)]).toEqual([
      Uint8Array.of(4, 5),
      Uint8Array.of(6, 7),
      new Uint8Array(),
    ]);
    expect(first.buffer.byteLength).toBe(2);
  });

  it('are the same as in a plain array after any operations, and need little memory', () => {
    const step = fc.record({ append: fc.uint8Array({ maxLength: 40 }), drop: fc.nat(40), take: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const octets = new ByteQueue();
        const model: number[] = [];
        let most = 0;
        for (const { append, drop, take } of steps) {
          octets.append(append);
          model.push(...append);
          most = Math.max(most, model.length);
          const count = Math.min(drop, model.length);
          octets.drop(count);
          model.splice(0, count);
          const taken = octets.take(Math.min(take, model.length));
          expect(Array.from(taken)).toEqual(model.splice(0, take));
          taken.fill(0xff);
          expect(Array.from(octets.view())).toEqual(model);
        }
        expect(octets.view().buffer.byteLength).toBeLessThanOrEqual(2 * most);
      }),
    );
  });

  it('take linear work when the store is full and they come and go one by one', () => {
    const single = Uint8Array.of(7);
    const slide = (size: number) => {
      const octets = new ByteQueue();
      octets.append(new Uint8Array(size));
      octets.append(new Uint8Array(size));
      for (let i = 0; i < size; i++) {
        octets.drop(1);
        octets.append(single);
      }
      expect(octets.length).toBe(2 * size);
    };
    expect(growth(slide, 20_000)).toBeLessThan(LINEAR);
  });

  it('are copied: the caller may use its chunk again', () => {
    const chunk = Uint8Array.of(1, 2);
    const octets = new ByteQueue();
    octets.append(chunk);
    chunk.fill(9);
    expect(octets.view()).toEqual(Uint8Array.of(1, 2));
  });
});
