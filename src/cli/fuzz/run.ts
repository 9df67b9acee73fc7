/** A campaign with its pace and its report: what fuzzing clients and servers have in common. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CampaignOptions, campaign, NoTarget } from '../../fuzz/driver/index.js';
import { EXIT, InputError } from '../status.js';
import type { Settings } from './options.js';
import { Report } from './report.js';

/** @returns the exit status */
export async function run(settings: Settings, mechanism: string, play: CampaignOptions['play']): Promise<number> {
  const report = new Report(settings);
  let next = 0;
  const paced: CampaignOptions['play'] = async one => {
    const early = next - Date.now();
    if (early > 0) await sleep(early);
    next = Date.now() + settings.pause;
    return await play(one);
  };
  try {
    const { cases, isOver } = settings;
    const summary = await campaign({ cases, mechanism, isOver, play: paced, tell: record => report.tell(record) });
    report.finish(summary);
    return summary.findings > 0 ? EXIT.faulty : EXIT.fine;
  } catch (error) {
    if (error instanceof NoTarget) throw new InputError(`the target takes no part: ${error.message}`);
    throw error;
  }
}
