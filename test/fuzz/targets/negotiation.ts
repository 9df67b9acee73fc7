/** SPNEGO gives a context only around a valid AP-REQ, and, where MICs are required, only over the list that was offered. */
import { octetsFrom } from '../../../src/fuzz/choices.js';
import { krb5Acceptor, krb5Initiator, krb5Observer } from '../../../src/mechanisms/krb5/index.js';
import { parseContextToken } from '../../../src/mechanisms/krb5/messages/gss-framing.js';
import { type NegotiationToken, parseNegotiation } from '../../../src/mechanisms/krb5/messages/spnego.js';
import type { Krb5Context } from '../../../src/mechanisms/krb5/tokens/context.js';
import type { Exchange, Step } from '../../../src/protection/mechanism.js';
import { realm, SERVICE, START } from '../../mechanisms/krb5/live.js';
import {
  KERBEROS,
  mechTypeList,
  NTLM,
  negTokenInit,
  negTokenResp,
  OFFERED,
} from '../../mechanisms/krb5/negotiation.js';
import { attempt, contains, hold, joined, octets, refusable, same, type Target } from './target.js';

const { keytab, credential } = realm(18);
const clock = () => (START + 60) * 1000;
const newAcceptor = () => krb5Acceptor({ keytab, clock, random: octetsFrom(5), replayCache: { add: () => true } });
const newInitiator = (spnego: boolean) =>
  krb5Initiator({ credentials: [credential], service: SERVICE, clock, random: octetsFrom(6), spnego });

function step(side: Exchange, token?: Uint8Array): Step {
  const made = side.step(token);
  if (made instanceof Promise) throw new Error('an asynchronous step');
  return made;
}

/** What a token of Kerberos has that only who knows the key can make; the rest of it anybody may change. */
function sealedIn(token: Uint8Array): Uint8Array {
  const seen = parseContextToken(token);
  if (seen.kind === 'AP-REQ') return seen.message.authenticator.cipher;
  if (seen.kind === 'AP-REP') return seen.message.encPart.cipher;
  throw new Error('nothing is sealed');
}

/** Kerberos comes second here, so that both sides owe a MIC over the list. */
const LIST = mechTypeList([NTLM, KERBEROS]);
const OFFER = negTokenInit(octets('NTLM'), [NTLM, KERBEROS]);
const REQUEST = step(newInitiator(false)).token!;
const WHOLE = step(newInitiator(true)).token!;
const REQUESTS = [REQUEST, (parseNegotiation(WHOLE) as NegotiationToken).inside!];
const INSIDE = negTokenResp(undefined, REQUEST);

/** Both sides as far as the last token, which is the initiator's. */
function untilLast(): { acceptor: Exchange; initiator: Krb5Context; said: Uint8Array[] } {
  const acceptor = newAcceptor();
  const asked = step(acceptor, OFFER).token!;
  const answered = step(acceptor, INSIDE).token!;
  const bare = newInitiator(false);
  step(bare);
  const { inside } = parseNegotiation(answered) as NegotiationToken;
  return { acceptor, initiator: step(bare, inside).context as Krb5Context, said: [OFFER, asked, INSIDE, answered] };
}

/** First octet: which token the rest is. */
const PLACES: readonly ((rest: Uint8Array) => void)[] = [
  offer => {
    const made = attempt(() => step(newAcceptor(), offer));
    if ('value' in made && made.value.context !== undefined)
      hold(
        REQUESTS.some(it => contains(offer, sealedIn(it))),
        'a context around no request',
      );
  },
  inside => {
    const acceptor = newAcceptor();
    step(acceptor, OFFER);
    const made = attempt(() => step(acceptor, inside));
    hold(!('value' in made) || made.value.context === undefined, 'a context before the MIC that is required');
  },
  last => {
    const { acceptor } = untilLast();
    const made = attempt(() => step(acceptor, last));
    hold(!('value' in made) || made.value.context === undefined, 'a context without the key');
  },
  list => {
    const { acceptor, initiator } = untilLast();
    const made = attempt(() => step(acceptor, negTokenResp(undefined, undefined, initiator.getMic(list))));
    hold('value' in made === same(list, LIST), 'a MIC over another list');
  },
  answer => {
    const initiator = newInitiator(true);
    step(initiator);
    const made = attempt(() => step(initiator, answer));
    if ('value' in made) hold(contains(answer, sealedIn(ANSWER.inside!)), 'a context around no answer');
  },
  token => {
    const observer = krb5Observer({ keys: keytab });
    const said = untilLast().said;
    for (const [i, token] of said.entries()) {
      refusable(() => observer.observe(i % 2 === 0 ? 'client' : 'server', token));
      refusable(() => observer.observe(i % 2 === 0 ? 'client' : 'server', token));
    }
    refusable(() => observer.observe('client', token));
  },
];

const ANSWER_TOKEN = step(newAcceptor(), WHOLE).token!;
const ANSWER = parseNegotiation(ANSWER_TOKEN) as NegotiationToken;

export const negotiation: Target = {
  name: 'negotiation',
  invariant: 'there is a context only around a valid AP-REQ or AP-REP, and a required MIC is over the list offered',
  run: input => PLACES[(input[0] ?? 0) % PLACES.length]!(input.subarray(1)),
  seeds: [
    [0, WHOLE],
    [0, negTokenInit(REQUEST, OFFERED)],
    [0, negTokenInit()],
    [0, OFFER],
    [1, INSIDE],
    [2, negTokenResp(undefined, undefined, new Uint8Array(28))],
    [2, untilLast().said[3]!],
    [3, LIST],
    [4, ANSWER_TOKEN],
    ...[0, 1, 2, 3].map(state => [4, negTokenResp(state, ANSWER.inside)] as const),
    [5, OFFER],
    [5, negTokenResp(undefined, undefined, new Uint8Array(28))],
    [5, negTokenResp(2)],
  ].map(([place, token]) => joined([Uint8Array.of(place as number), token as Uint8Array])),
};
