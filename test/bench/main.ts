/** `npm run bench`: see README.md beside this file. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { type Measured, measure, type Result, type Row } from './measure.js';
import { startMit } from './mit.js';
import { dataRows, streamRows } from './rows-data.js';
import { exchangeRows, memoryRows } from './rows-exchange.js';
import { gsiRows } from './rows-gsi.js';
import { kerberosRows } from './rows-kerberos.js';
import { replyRows } from './rows-replies.js';
import { socketRows } from './rows-sockets.js';
import { startupRows } from './rows-startup.js';
import { tokenRows } from './rows-tokens.js';
import { verifyRows } from './rows-verify.js';
import { linesOf, readBaseline, saveBaseline, table } from './table.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '100' },
    batch: { type: 'string', default: '3' },
    row: { type: 'string' },
  },
});

const mit = startMit();
const results: Result[] = [];
try {
  const every: Row[] = [
    ...tokenRows(mit),
    ...(await kerberosRows()),
    ...gsiRows(),
    ...replyRows(),
    ...dataRows(mit),
    ...(await streamRows()),
    ...socketRows(),
    ...exchangeRows(mit),
    ...startupRows(),
    ...verifyRows(),
    ...memoryRows(),
  ];
  if (values.row === undefined) measureEach(every.filter(({ name }) => positionals.every(part => name.includes(part))));
  else await measureHere(every.find(({ name }) => name === values.row)!);
} finally {
  mit?.stop();
}
if (values.row === undefined) report();

/** What V8 has compiled for one row changes the next one: each has a process of its own. */
function measureEach(rows: readonly Row[]): void {
  const { rounds, batch } = values;
  for (const row of rows) {
    process.stderr.write(`\r\x1b[K${results.length + 1} of ${rows.length}: ${row.name}`);
    const args = [...process.execArgv, process.argv[1]!, '--rounds', rounds, '--batch', batch, '--row', row.name];
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    if (child.status !== 0) throw new Error(`the row ${row.name} failed`);
    results.push({ row, ...(JSON.parse(child.stdout) as Measured) });
  }
  process.stderr.write('\r\x1b[K');
}

async function measureHere(row: Row): Promise<void> {
  console.log(JSON.stringify(await measure(row, Number(values.rounds), Number(values.batch))));
}

function report(): void {
  const baseline = readBaseline();
  if (values.json) {
    const lines = results.map(({ row: { name, goals }, cost, against }) => ({
      name,
      milliseconds: cost,
      against,
      goals,
    }));
    console.log(JSON.stringify(lines, null, 2));
  } else {
    console.log(table(results.flatMap(result => linesOf(result, baseline))));
  }
  if (values.save) saveBaseline(results);
}
