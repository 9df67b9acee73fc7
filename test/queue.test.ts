import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Queue } from '../src/queue.js';
import { growth, LINEAR } from './ftp/readers.js';

it('gives values in the order in which they came, like an array', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(), { nil: undefined })), steps => {
      const [queue, array] = [new Queue<number>(), [] as number[]];
      for (const step of steps) {
        if (step === undefined) expect(queue.shift()).toBe(array.shift());
        else {
          queue.push(step);
          array.push(step);
        }
        expect(queue.length).toBe(array.length);
      }
    }),
  );
});

it('takes linear time', () => {
  const drain = (size: number) => {
    const queue = new Queue<number>();
    for (let i = 0; i < size; i++) queue.push(i);
    while (queue.shift() !== undefined);
  };
  expect(growth(drain, 50_000)).toBeLessThan(LINEAR);
});
