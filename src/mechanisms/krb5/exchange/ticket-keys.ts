/**
 * Finding the key that decrypts a ticket, for acceptors and observers. Name and version number only decide which keys are tried
 * first, and any key that decrypts the ticket is accepted: services have aliases, and Active Directory writes names in another
 * case or those of the machine account, and version numbers that are zero or not those of the keytab.
 */
import { equalConstantTime } from '../../../bytes.js';
import { FtpSecurityError } from '../../../errors.js';
import type { CipherOptions } from '../crypto/enctypes.js';
import { openData } from '../messages/encrypted-data.js';
import { type EncTicketPart, encTicketPart, type Ticket, USAGE } from '../messages/kerberos.js';
import { isNamed, type Principal, principalOf, principalText } from '../messages/principal.js';
import type { Refusal } from './krb-error.js';

/** The key of a service. The entries of a keytab are such keys. */
export interface ServiceKey {
  /** Number of the encryption type, e.g. 18. */
  enctype: number;
  /** The octets of the key; their number depends on the encryption type. */
  key: Uint8Array;
  /** Key version number; absent if unknown, the key then matches any version. */
  kvno?: number;
  /** Name of the service; absent if unknown, the key then matches any service. */
  principal?: Principal;
  /** Where the key is from, for people, e.g. a file name. Observers report it in `openedBy`. */
  source?: string;
}

/** A decrypted ticket. */
export interface OpenedTicket {
  part: EncTicketPart;
  /** All entries with the key that decrypted it, as a key may have several names; entries named in the ticket come first. */
  entries: readonly ServiceKey[];
}

/** The greatest number of keys that an error message lists. */
const MAX_LISTED = 8;

/**
 * Tries the keys of the ticket's encryption type: first those with its name and version number, then those with its name, then
 * the others.
 * @returns the reason if no key decrypts the ticket
 * @throws FtpSecurityError `security/bad-token` if the plaintext is malformed
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
  let untried = typed;
  for (let key = untried[0]; key !== undefined; key = untried[0]) {
    const { key: octets } = key;
    const opened = attempt(key, ticket, options);
    if (!(opened instanceof FtpSecurityError))
      return { part: opened, entries: typed.filter(one => equalConstantTime(one.key, octets)) };
    failure ??= opened;
    // One key may have dozens of names in Active Directory, and anybody can send a ticket to be tried.
    untried = untried.filter(one => !equalConstantTime(one.key, octets));
  }
  const which = `the ticket for ${ticketText(ticket)}`;
  const available = `(known keys: ${keysText(ordered)})`;
  if (failure === undefined) return ['KRB_AP_ERR_NOKEY', `no key for ${which} ${available}`];
  if (failure.code === 'security/no-key')
    return ['KRB_AP_ERR_NOKEY', `no usable key for ${which}: ${failure.message} ${available}`];
  if (!named.some(isTyped)) return ['KRB_AP_ERR_NOKEY', `no key decrypts ${which} ${available}`];
  if (current.length === 0)
    return ['KRB_AP_ERR_BADKEYVER', `no key has the version number of ${which}, and no other decrypts it ${available}`];
  return ['KRB_AP_ERR_BAD_INTEGRITY', `the key does not decrypt ${which}: wrong key, or changed ticket ${available}`];
}

/** Whether a key has the service name in the ticket's clear part, where Heimdal's clients may leave out the realm. */
function isOfService({ principal }: ServiceKey, { realm, sname }: Ticket): boolean {
  const requested = { name: sname.nameString, ...(realm !== '' && { realm }) };
  return principal === undefined || isNamed(principal, requested);
}

/** Whether a key may have the ticket's version number, of which a keytab may contain only the low 8 bits. */
function isOfVersion({ kvno: own }: ServiceKey, { encPart: { kvno } }: Ticket): boolean {
  return own === undefined || kvno === undefined || own === kvno || own === kvno % 256;
}

/** Returns the error of a wrong or unusable key. */
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
  const texts = keys.slice(0, MAX_LISTED).map(({ principal, enctype, kvno }) => keyText(principal, enctype, kvno));
  if (keys.length > MAX_LISTED) texts.push(`${keys.length - MAX_LISTED} more`);
  return texts.join(', ') || 'none';
}

function keyText(principal: Principal | undefined, enctype: number, kvno: number | undefined): string {
  const name = principal === undefined ? 'any service' : principalText(principal);
  return `${name} (enctype ${enctype}, key version ${kvno ?? 'unknown'})`;
}
