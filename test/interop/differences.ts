/** What MIT krb5 and Heimdal are known to judge in another way than we do: entries of vectors/deviations.json, by their names. */
import type { Judged } from './judged-tokens.js';

/** Whether the difference between the two verdicts is this one. */
type IsDifference = (judged: Judged) => boolean;

const isOf =
  (library: Judged['library'], ...its: IsDifference[]): IsDifference =>
  judged =>
    judged.library === library && its.every(holds => holds(judged));
const isCase =
  (...names: string[]): IsDifference =>
  ({ mutation }) =>
    names.some(name => mutation === `token: ${name}` || mutation === `direction: ${name}`);
const isRc4: IsDifference = ({ enctype }) => enctype === 23;

const theyTakeIt: IsDifference = ({ ours, theirs, text }) => ours.text === undefined && isSame(theirs.text, text);
const isReplay: IsDifference = judged =>
  judged.numbered && judged.ours.sequence === 'replayed' && judged.theirs.sequence !== 'ok' && theyTakeIt(judged);
const isOutOfOrder: IsDifference = ({ ours: { text, sequence } }) =>
  text !== undefined && (sequence === 'gap' || sequence === 'late');
const haveSameText: IsDifference = ({ ours, theirs }) => isSame(ours.text, theirs.text);

/** Of the first octets of a token, all that are its frame may be gone. */
const isBareRfc1964: IsDifference = ({ token }) => token[0] === 0x02 && token[1] === 0x01;

/** Each has an entry among `verdicts` in vectors/deviations.json. */
export const DIFFERENCES: Readonly<Record<string, IsDifference>> = {
  'replay-with-text': isOf('mit', isReplay),
  'rc4-replay-with-text': isOf('heimdal', isRc4, isReplay),
  'gap-without-text': isOf('heimdal', isOutOfOrder, ({ theirs }) => theirs.text === undefined),
  'altered-uses-number': isOf('heimdal', haveSameText, ({ ours, theirs, followsAltered }) => {
    return followsAltered && ours.sequence === 'gap' && theirs.sequence === 'ok';
  }),
  'rc4-level-out-of-order': isOf('heimdal', isRc4, isOutOfOrder, haveSameText, ({ ours, theirs }) => {
    return ours.level === 'private' && theirs.level === 'safe' && theirs.sequence === ours.sequence;
  }),
  'sealed-rrc': judged => isCase('RRC is sealed as it was sent')(judged) && theyTakeIt(judged),
  'loose-frame': isOf(
    'mit',
    theyTakeIt,
    judged =>
      isBareRfc1964(judged) ||
      isCase(
        'the frame of RFC 2743 around it',
        'the id of a GetMIC token',
        'the id of a context deletion token',
        'the id of an AP-REQ',
      )(judged),
  ),
  'loose-padding': judged =>
    judged.ours.text === undefined &&
    judged.theirs.text !== undefined &&
    (isCase('padding that counts nothing')(judged) ||
      isOf('mit', isCase('padding that counts more than a block', 'padding that is not its own count'))(judged)),
  'acceptor-subkey-flag': isOf('mit', theyTakeIt, isCase('AcceptorSubkey is the other way')),
  'sender-flag-cleared': isOf(
    'heimdal',
    theyTakeIt,
    isCase('SentByAcceptor is the other way'),
    ({ to }) => to === 'client',
  ),
  'long-des3-mic': isOf(
    'heimdal',
    ({ enctype, kind, maker }) => enctype === 16 && kind === 'mic' && maker === 'theirs',
  ),
};

/** The name of the difference between the two verdicts; undefined if it is not known. */
export function differenceOf(judged: Judged): string | undefined {
  return Object.keys(DIFFERENCES).find(name => DIFFERENCES[name]!(judged));
}

function isSame(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}
