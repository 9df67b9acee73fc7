import { agreements } from './agreements.js';
import { alterations } from './alterations.js';
import { refusals } from './refusals.js';
import { liveRuns } from './runs.js';

refusals('mit');
alterations('mit');
agreements('mit');
liveRuns('mit');
