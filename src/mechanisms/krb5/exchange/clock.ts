/** From a clock's milliseconds to the times of Kerberos messages (RFC 4120 §5.2.3 and §5.2.4). */

export interface Timestamp {
  /** Since 1970, UTC. */
  seconds: number;
  microseconds: number;
}

/** @param now  in milliseconds since 1970, like Date.now; may have a fraction */
export function timestampOf(now: number): Timestamp {
  const seconds = Math.floor(now / 1000);
  return { seconds, microseconds: Math.min(999_999, Math.round((now - seconds * 1000) * 1000)) };
}
