import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Queue, WaitingList } from '../src/queue.js';
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

describe('WaitingList', () => {
  it('knows the oldest, whatever is taken out', () => {
    const step = fc.oneof(fc.constant('add' as const), fc.constant('clear' as const), fc.nat(30));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), steps => {
        const [waiting, model] = [new WaitingList<{ at: number }>(), [] as { at: number }[]];
        steps.forEach((one, at) => {
          const value = { at };
          if (one === 'add') {
            waiting.add(value);
            model.push(value);
          } else if (one === 'clear') {
            if (at % 5 > 0) return;
            waiting.clear();
            model.length = 0;
          } else {
            const taken = model[one % (model.length || 1)] ?? value;
            waiting.delete(taken);
            if (model.includes(taken)) model.splice(model.indexOf(taken), 1);
          }
          expect([waiting.oldest, waiting.size, [...waiting]]).toEqual([model[0], model.length, model]);
        });
      }),
    );
  });
});
