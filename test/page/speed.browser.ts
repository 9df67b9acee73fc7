/** How fast long transcripts are, in processor time of the page's main thread: the machine may be busy. */
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { file, htmlOf, open } from './chromium.js';

/** The page of a text transcript with this many control lines. */
async function longReport(lines: number): Promise<string> {
  const spoken = ['S> 220 ready'];
  while (spoken.length < lines) spoken.push(`C> SIZE file-${spoken.length}.txt`, `S> 213 ${spoken.length}`);
  return htmlOf(file(`${lines}.txt`, spoken.join('\n')));
}

/** @returns a function that gives the processor time since it was last called, at first since the thread began, in milliseconds */
async function stopwatch(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  let last = 0;
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const now = 1000 * metrics.find(({ name }) => name === 'ThreadTime')!.value;
    const taken = now - last;
    last = now;
    return taken;
  };
}

describe('a long transcript', () => {
  it('of 100,000 lines opens in 3 s', async () => {
    const page = await open(await longReport(100_000));
    await page.locator('.row').nth(10).waitFor();
    const lap = await stopwatch(page);
    const opened = await lap();
    await page.getByLabel('Text').fill('file-99');
    await page.getByText('556 lines').waitFor();
    const filtered = await lap();
    process.stdout.write(`100,000 lines: opened in ${Math.round(opened)} ms, filtered in ${Math.round(filtered)} ms\n`);
    expect(opened).toBeLessThan(3000);
  });

  it('of 10,000 lines scrolls smoothly: a frame takes less than 32 ms', async () => {
    const page = await open(await longReport(10_000));
    await page.locator('.row').nth(10).waitFor();
    const lap = await stopwatch(page);
    await lap();
    const steps = 100;
    const scrolled = await page.evaluate(async steps => {
      for (let step = 0; step < steps; step++) {
        window.scrollBy(0, 400);
        await new Promise(resolve => requestAnimationFrame(resolve));
      }
      return window.scrollY;
    }, steps);
    const frame = (await lap()) / steps;
    process.stdout.write(`10,000 lines: ${frame.toFixed(1)} ms for each frame while scrolling\n`);
    expect(scrolled).toBeGreaterThan(300 * steps);
    expect(frame).toBeLessThan(32);
  });
});
