/** Untrusted text made safe for terminals, logs and error messages. */

/**
 * A peer's text on one line: characters that could control a terminal, or reorder its text, are shown as escapes. So are lone
 * surrogates, which stand for octets of a name that is not UTF-8 (mechanisms/name-text.ts): they would all look the same.
 */
export function printable(text: string): string {
  const named: Record<string, string> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\0': '\\0' };
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu,
    character => named[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** A text cut to at most `length` characters, with an ellipsis if it was cut. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
