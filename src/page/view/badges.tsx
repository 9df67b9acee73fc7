/** Levels and verdicts: each has a colour, a shape, and a word. */
import type { FindingRecord, MessageRecord } from '../../capture/index.js';

/** The outlines, in a square of 16 units. More protection fills more of the shape. */
const LEVEL_SHAPES: Readonly<Record<MessageRecord['level'], string>> = {
  clear: 'M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11Zm0 2a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7Z',
  safe: 'M2.5 2.5h11v11h-11ZM4.5 4.5v7h3.5v-7Z',
  confidential: 'M8 1.5L14.5 8L8 14.5L1.5 8ZM8 4.3V11.7L11.7 8Z',
  private: 'M8 1L14 4.5v7L8 15L2 11.5v-7Z',
};

const VERDICT_SHAPES: Readonly<Record<MessageRecord['verdict'], string>> = {
  verified: 'M6.2 13.2L1.5 8.5l1.8-1.8l2.9 2.9l6.5-6.8l1.8 1.8Z',
  decrypted: 'M8 2a6 6 0 1 0 0 12ZM9 2.1v11.8a6 6 0 0 0 0-11.8Zm1.6 2.4a4 4 0 0 1 0 7Z',
  failed: 'M3.4 1.8L8 6.4l4.6-4.6l1.6 1.6L9.6 8l4.6 4.6l-1.6 1.6L8 9.6l-4.6 4.6l-1.6-1.6L6.4 8L1.8 3.4Z',
  unkeyed: 'M4.5 5.5a3.5 3.5 0 1 1 4.6 3.3V10.5H7V7.4a1.7 1.7 0 1 0-.5-1.9ZM7 12h2.1v2.2H7Z',
  clear: 'M3 7h10v2H3Z',
};

const SEVERITY_SHAPES: Readonly<Record<FindingRecord['severity'], string>> = {
  high: 'M8 1l7.5 13.5H.5ZM7.1 5.5v4.5h1.8V5.5Zm0 5.7v1.8h1.8v-1.8Z',
  medium: 'M8 1.5L14.5 8L8 14.5L1.5 8Z',
  low: 'M8 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8Z',
};

interface BadgeProps {
  className: string;
  shape: string;
  text: string;
}

function Badge({ className, shape, text }: BadgeProps) {
  return (
    <span class={`badge ${className}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={shape} fill-rule="evenodd" />
      </svg>
      {text}
    </span>
  );
}

/** The level that a line claims, and the one of its token where that is another. */
export function Level({ level, applied }: Pick<MessageRecord, 'level' | 'applied'>) {
  const text = applied === null || applied === level ? level : `${level} (${applied})`;
  return <Badge className={`level-${level}`} shape={LEVEL_SHAPES[level]} text={text} />;
}

export function VerdictBadge({ verdict }: Pick<MessageRecord, 'verdict'>) {
  return <Badge className={`verdict-${verdict}`} shape={VERDICT_SHAPES[verdict]} text={verdict} />;
}

export function Severity({ severity }: Pick<FindingRecord, 'severity'>) {
  return <Badge className={`severity-${severity}`} shape={SEVERITY_SHAPES[severity]} text={severity} />;
}
