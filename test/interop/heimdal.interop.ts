import { agreements } from './agreements.js';
import { alterations } from './alterations.js';
import { refusals } from './refusals.js';
import { liveRuns } from './runs.js';

refusals('heimdal');
alterations('heimdal');
agreements('heimdal');
liveRuns('heimdal');
