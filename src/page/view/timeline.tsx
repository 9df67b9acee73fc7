/** The timeline: one lane for each control connection, and one below for its data connections. */
import { useMemo } from 'preact/hooks';
import type { Report } from '../model/report.js';
import { clockOf, count } from '../model/text.js';
import { type Lane, type Mark, timelineOf } from '../model/timeline.js';

/** The places of marks; about as many as a wide screen has room for. */
const STEPS = 500;
/** The most connections that are drawn. */
const MOST = 100;
const HEIGHT = 20;

/** The heights of marks, so that verdicts differ by more than colour: the worse, the longer. */
const REACH: Readonly<Record<Mark['verdict'], number>> = {
  clear: 3,
  verified: 5,
  decrypted: 6,
  unkeyed: 6,
  failed: 9,
};

export function Timeline({ report, goTo }: { report: Report; goTo: (key: string) => void }) {
  const timeline = useMemo(() => timelineOf(report.connections, STEPS), [report]);
  if (timeline === undefined) return null;
  const { from, to, lanes } = timeline;
  const drawn = lanes.slice(0, MOST);
  return (
    <>
      <h2>Timeline</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard */}
      <section class="timeline" aria-label="Timeline" tabIndex={0}>
        {drawn.map(lane => (
          <LaneRow key={lane.number} lane={lane} goTo={goTo} />
        ))}
      </section>
      <p class="axis">
        <span>{clockOf(from)}</span>
        <span>
          lines above, data connections below; the long marks are errors
          {lanes.length > MOST && `; ${count(lanes.length - MOST, 'more connection')} not drawn`}
        </span>
        <span>{clockOf(to)} UTC</span>
      </p>
    </>
  );
}

function LaneRow({ lane, goTo }: { lane: Lane; goTo: (key: string) => void }) {
  const { number, begin, end, lines, transfers } = lane;
  return (
    <div class="lane-row">
      <button type="button" class="link" onClick={() => goTo(`${number}`)}>
        {number}
        <span class="hidden">. connection, {count(lines.length, 'mark')}</span>
      </button>
      {/* The lines in the diagram say the same, so that a reader of the screen needs no picture. */}
      <svg viewBox={`-4 0 1008 ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="span" d={`M${1000 * begin} 10H${1000 * end + 1}`} />
        <Marks marks={lines} direction={-1} />
        <Marks marks={transfers} direction={1} />
      </svg>
    </div>
  );
}

/** One path for each verdict. @param direction  1 for marks below the middle, -1 for those above */
function Marks({ marks, direction }: { marks: readonly Mark[]; direction: 1 | -1 }) {
  const verdicts = [...new Set(marks.map(({ verdict }) => verdict))];
  const draw = ({ at, verdict }: Mark) => `M${1000 * at} ${10 + direction}v${direction * REACH[verdict]}`;
  return (
    <>
      {verdicts.map(verdict => (
        <path
          key={verdict}
          class={`verdict-${verdict}`}
          d={marks
            .filter(mark => mark.verdict === verdict)
            .map(draw)
            .join('')}
        />
      ))}
    </>
  );
}
