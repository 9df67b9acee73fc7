/** Names with their values. */
import { valueText } from '../model/text.js';

/** @param rows  those without a value are left out */
export function Facts({ rows }: { rows: readonly (readonly [string, unknown])[] }) {
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return (
    <dl class="facts">
      {known.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{valueText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
