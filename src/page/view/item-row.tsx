/** A control line as an arrow between client and server, or a transfer as one to the lane of data connections. */
import type { Item } from '../model/report.js';
import { clockOf, sizeOf, textOf } from '../model/text.js';
import { Level, VerdictBadge } from './badges.js';
import { ItemDetails } from './item-details.js';
import { type Place, Row } from './row.js';

export function ItemRow({ item, isOpen, ...place }: Place & { item: Item; isOpen: boolean }) {
  const { record, key, findings } = item;
  const { from, level, applied, verdict, error } = record;
  const isData = record.type === 'data';
  const text = isData ? `${textOf(record)} (${sizeOf(record)})` : textOf(record);
  const worst = findings.find(({ severity }) => severity !== 'low') ?? findings[0];
  const mark = error?.code ?? worst?.rule ?? '';
  const head = (
    <>
      <span class="time">{clockOf(record.time)}</span>
      <span class="number">{isData ? 'data' : record.index}</span>
      <span class="lanes">
        <span class={`arrow from-${from} ${isData ? 'data' : ''} line-${level}`}>
          <span class="hidden">{from}: </span>
          <span class="said">{text}</span>
        </span>
      </span>
      <Level level={level} applied={applied} />
      <VerdictBadge verdict={verdict} />
      <span class={`mark ${error === null ? 'noted' : 'wrong'}`}>{mark}</span>
    </>
  );
  const className = `item ${error === null ? '' : 'faulty'}`;
  return (
    <Row id={key} className={className} isOpen={isOpen} head={head} {...place}>
      <ItemDetails item={item} />
    </Row>
  );
}
