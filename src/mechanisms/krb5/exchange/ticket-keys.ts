/**
 * Which key opens a ticket: the rule of acceptors and observers. Names and versions only say which keys come first. A key that
 * opens the ticket is the proof: services have aliases, and Active Directory writes names in another case or under the
 * account of a machine, and versions that are zero or another than the keytab's.
 */
import { equalConstantTime } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import { openData } from '../messages/encrypted-data.js';
import { type EncTicketPart, encTicketPart, type Ticket, USAGE } from '../messages/kerberos.js';
import { isNamed, type Principal, principalOf, principalText } from '../messages/principal.js';
import type { Refusal } from './krb-error.js';

/** The key of a service: an entry of a keytab is one, and so is a bare key, which goes for every name and version. */
export interface ServiceKey {
  enctype: number;
  key: Uint8Array;
  kvno?: number;
  principal?: Principal;
  /** Where the key is from, for people: an observer names it for a ticket that the key has opened. */
  source?: string;
}

export interface OpenedTicket {
  part: EncTicketPart;
  /** All entries that hold the key, since one key may have several names; first those that the ticket names. */
  entries: readonly ServiceKey[];
}

/** How many keys an error names. */
const MOST_NAMED = 8;

/**
 * Tries the keys of the ticket's encryption type: first those of its name and version, then those of its name, then the others.
 * @returns why not, when none opens it
 * @throws FtpSecurityError `security/bad-token` when what is inside can't be read
 */
export function openTicket(
  ticket: Ticket,
  keys: readonly ServiceKey[],
  options: CipherOptions,
): OpenedTicket | Refusal {
  const named = keys.filter(key => isOfService(key, ticket));
  const isTyped = ({ enctype }: ServiceKey) => enctype === ticket.encPart.etype;
  const current = named.filter(key => isTyped(key) && isOfVersion(key, ticket));
  const ordered = [...new Set([...current, ...named, ...keys])];
  const typed = ordered.filter(isTyped);
  let failure: FtpSecurityError | undefined;
  for (const key of typed) {
    const opened = attempt(key, ticket, options);
    if (!(opened instanceof FtpSecurityError)) return { part: opened, entries: typed.filter(one => isSame(one, key)) };
    failure ??= opened;
  }
  const which = `the ticket for ${ticketText(ticket)}`;
  const there = `here is ${keysText(ordered)}`;
  if (failure === undefined) return ['KRB_AP_ERR_NOKEY', `no key for ${which}; ${there}`];
  if (failure.code === 'security/no-key')
    return ['KRB_AP_ERR_NOKEY', `no key for ${which}: ${failure.message}; ${there}`];
  if (!named.some(isTyped)) return ['KRB_AP_ERR_NOKEY', `no key opens ${which}; ${there}`];
  if (current.length === 0)
    return ['KRB_AP_ERR_BADKEYVER', `no key of its version, nor another, opens ${which}; ${there}`];
  return ['KRB_AP_ERR_BAD_INTEGRITY', `its key does not open ${which}; ${there}`];
}

/** Whether a key is of the service that the ticket names in the clear. Heimdal's clients may leave out the realm. */
function isOfService({ principal }: ServiceKey, { realm, sname }: Ticket): boolean {
  const requested = { name: sname.nameString, ...(realm !== '' && { realm }) };
  return principal === undefined || isNamed(principal, requested);
}

/** Whether a key may be of the version that is said. A keytab may have only the low 8 bits of it; a bare key goes for all. */
function isOfVersion({ kvno: own }: ServiceKey, { encPart: { kvno } }: Ticket): boolean {
  return own === undefined || kvno === undefined || own === kvno || (own < 256 && own === kvno % 256);
}

function isSame(a: ServiceKey, b: ServiceKey): boolean {
  return a === b || equalConstantTime(a.key, b.key);
}

/** The error of a key that is another, or no key of its encryption type at all. */
function attempt(
  { enctype, key }: ServiceKey,
  { encPart }: Ticket,
  options: CipherOptions,
): EncTicketPart | FtpSecurityError {
  try {
    return openData(encTicketPart, USAGE.ticket, { keytype: enctype, keyvalue: key }, encPart, options);
  } catch (error) {
    if (error instanceof FtpSecurityError && error.code !== 'security/bad-token') return error;
    throw error;
  }
}

function ticketText({ realm, sname, encPart: { etype, kvno } }: Ticket): string {
  return keyText(principalOf(realm, sname), etype, kvno);
}

function keysText(keys: readonly ServiceKey[]): string {
  const texts = keys.slice(0, MOST_NAMED).map(({ principal, enctype, kvno }) => keyText(principal, enctype, kvno));
  if (keys.length > MOST_NAMED) texts.push(`${keys.length - MOST_NAMED} more`);
  return texts.join(', ') || 'no key at all';
}

function keyText(principal: Principal | undefined, enctype: number, kvno: number | undefined): string {
  const name = principal === undefined ? 'any service' : principalText(principal);
  return `${name} (enctype ${enctype}, key version ${kvno ?? 'not said'})`;
}
