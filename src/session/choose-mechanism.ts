/** The choice of a mechanism: by the name in AUTH, and if several share it, by the first token of the client. */
import { FtpSecurityError } from '../errors.js';
import type { Exchange, Mechanism } from '../protection/mechanism.js';

/**
 * The first mechanism of a list that has this name and recognises the token.
 * @param name  the argument of AUTH, in any case; undefined if AUTH was not seen
 * @returns undefined if there is none
 */
export function chooseMechanism(
  mechanisms: readonly Mechanism[],
  name: string | undefined,
  firstToken: Uint8Array,
): Mechanism | undefined {
  const wanted = name?.toUpperCase();
  return mechanisms.find(
    it => (wanted ?? it.name.toUpperCase()) === it.name.toUpperCase() && it.recognises(firstToken),
  );
}

/**
 * The server's side of the exchange that AUTH begins. Its first step chooses among the mechanisms of that name.
 * @param mechanisms  those without an acceptor are ignored
 * @param name  the argument of AUTH, in any case
 * @returns an exchange whose first step throws FtpSecurityError `security/bad-token` (535) if no mechanism recognises the
 *   token
 */
export function acceptorFor(mechanisms: readonly Mechanism[], name: string): Exchange {
  const offered = mechanisms.filter(({ acceptor }) => acceptor !== undefined);
  let exchange: Exchange | undefined;
  let begun = false;
  const begin = (firstToken: Uint8Array): Exchange => {
    if (begun) throw new FtpSecurityError('sequence/closed', `the ${name} exchange is over`);
    begun = true;
    const chosen = chooseMechanism(offered, name, firstToken);
    if (chosen !== undefined) return chosen.acceptor!();
    throw new FtpSecurityError('security/bad-token', `no mechanism under ${name} recognises the first token`);
  };
  return {
    step(token, channel, ciphers) {
      exchange ??= begin(token ?? new Uint8Array());
      return exchange.step(token, channel, ciphers);
    },
    destroy() {
      begun = true;
      exchange?.destroy?.();
    },
  };
}
