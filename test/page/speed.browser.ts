/**
 * How fast long transcripts are, in processor time of the page's main thread. Where the machine is so slow or busy that a fixed
 * work, measured beside, takes more than twice its usual time, the limit is a multiple of that.
 */
import { pathToFileURL } from 'node:url';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { file, htmlOf, open } from './chromium.js';

/** The page of a text transcript with this many control lines. */
async function longReport(lines: number): Promise<string> {
  const spoken = ['S> 220 ready'];
  while (spoken.length < lines) spoken.push(`C> SIZE file-${spoken.length}.txt`, `S> 213 ${spoken.length}`);
  return htmlOf(file(`${lines}.txt`, spoken.join('\n')));
}

/** @returns a function that gives the processor time since it was last called, in milliseconds */
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

/** @returns the processor time of a fixed work: 100,000 lines of JSON read. About 100 ms where nothing else runs. */
async function yardstick(page: Page, lap: () => Promise<number>): Promise<number> {
  await lap();
  await page.evaluate(() => {
    const line = JSON.stringify({ ...Array.from({ length: 20 }, (_, index) => `field ${index}`) });
    const parsed = new Map<string, unknown>();
    for (let index = 0; index < 100_000; index++) parsed.set(`${index}`, JSON.parse(line));
  });
  return lap();
}

describe('a long transcript', () => {
  it('of 100,000 lines opens in 3 s', async () => {
    const path = await longReport(100_000);
    const page = await open(file('empty.html', ''));
    const lap = await stopwatch(page);
    const before = await yardstick(page, lap);
    await page.goto(pathToFileURL(path).href);
    await page.locator('.row').nth(10).waitFor();
    const opened = await lap();
    await page.getByLabel('Text').fill('file-99');
    await page.getByText('556 lines').waitFor();
    const filtered = await lap();
    const limit = Math.max(3000, 15 * before, 15 * (await yardstick(page, lap)));
    process.stdout.write(
      `100,000 lines: opened in ${Math.round(opened)} ms, filtered in ${Math.round(filtered)} ms, limit ${Math.round(limit)} ms\n`,
    );
    expect(opened).toBeGreaterThan(100); // else it was not measured
    expect(opened).toBeLessThan(limit);
  });

  it('of 10,000 lines scrolls smoothly: a frame takes less than 32 ms', async () => {
    const page = await open(await longReport(10_000));
    await page.locator('.row').nth(10).waitFor();
    const lap = await stopwatch(page);
    const before = await yardstick(page, lap);
    const steps = 100;
    const scrolled = await page.evaluate(async steps => {
      for (let step = 0; step < steps; step++) {
        window.scrollBy(0, 400);
        await new Promise(resolve => requestAnimationFrame(resolve));
      }
      return window.scrollY;
    }, steps);
    const frame = (await lap()) / steps;
    const limit = Math.max(32, 0.25 * before, 0.25 * (await yardstick(page, lap)));
    process.stdout.write(
      `10,000 lines: ${frame.toFixed(1)} ms for each frame while scrolling, limit ${limit.toFixed(1)} ms\n`,
    );
    expect(scrolled).toBeGreaterThan(300 * steps);
    expect(frame).toBeLessThan(limit);
  });
});
