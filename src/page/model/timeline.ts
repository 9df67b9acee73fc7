/** When the lines and transfers of each connection came, in few marks: a long recording has more lines than a screen has pixels. */
import type { MessageRecord } from '../../capture/index.js';
import type { Connection, Item } from './report.js';

/** The marks of one connection. A place is a fraction of the whole time, from 0 to 1. */
export interface Lane {
  number: number;
  begin: number;
  end: number;
  /** The lines, at most one mark for each step of the time and verdict. */
  lines: Mark[];
  transfers: Mark[];
}

export interface Mark {
  at: number;
  /** A line with an error counts as failed, whatever its token is. */
  verdict: MessageRecord['verdict'];
}

export interface Timeline {
  /** ISO 8601 in UTC. */
  from: string;
  to: string;
  lanes: Lane[];
}

/**
 * @param steps  how many places there are
 * @returns undefined if the recording has no times, or all its lines came at once
 */
export function timelineOf(connections: readonly Connection[], steps: number): Timeline | undefined {
  let [from, to] = ['', ''];
  for (const { items } of connections) {
    for (const { record } of items) {
      if (record.time === null) continue;
      if (from === '' || record.time < from) from = record.time;
      if (record.time > to) to = record.time;
    }
  }
  const [start, length] = [Date.parse(from), Date.parse(to) - Date.parse(from)];
  if (!(length > 0)) return undefined;
  const placeOf = (time: string) => Math.round((steps * (Date.parse(time) - start)) / length) / steps;
  const lanes = connections.map(connection => laneOf(connection, placeOf)).filter(lane => lane !== undefined);
  return { from, to, lanes };
}

function laneOf({ number, items }: Connection, placeOf: (time: string) => number): Lane | undefined {
  const lane: Lane = { number, begin: 1, end: 0, lines: [], transfers: [] };
  const marked = new Set<string>();
  for (const { record } of items) {
    const at = record.time === null ? Number.NaN : placeOf(record.time);
    if (Number.isNaN(at)) continue;
    lane.begin = Math.min(lane.begin, at);
    lane.end = Math.max(lane.end, at);
    const verdict = verdictOf(record);
    const mark = `${record.type} ${at} ${verdict}`;
    if (marked.has(mark)) continue;
    marked.add(mark);
    (record.type === 'data' ? lane.transfers : lane.lines).push({ at, verdict });
  }
  return lane.end < lane.begin ? undefined : lane;
}

function verdictOf({ verdict, error }: Item['record']): Mark['verdict'] {
  return error === null ? verdict : 'failed';
}
