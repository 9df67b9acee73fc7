/** Runs a campaign with its rate and its report, for fuzzing clients and servers. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CampaignOptions, campaign } from '../../fuzz/driver/index.js';
import { EXIT } from '../status.js';
import type { Settings } from './options.js';
import { Report } from './report.js';

/** @returns the exit status */
export async function run(settings: Settings, mechanism: string, play: CampaignOptions['play']): Promise<number> {
  const reporter = new Report(settings);
  const { cases, isOver, interrupted } = settings;
  let next = 0;
  const summary = await campaign({
    cases,
    mechanism,
    isOver,
    isStopped: () => interrupted.aborted,
    report: record => reporter.add(record),
    play: async one => {
      const early = next - Date.now();
      if (early > 0) await sleep(early);
      next = Date.now() + settings.pause;
      return await play(one);
    },
  });
  reporter.finish(summary);
  if (summary.findings > 0) return EXIT.faulty;
  return summary.gone ? EXIT.unusable : EXIT.fine;
}
