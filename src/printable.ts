/** Texts of strangers made harmless, for terminals, logs and the messages of errors. */

/** A text of a peer on one line: control characters, which may steer a terminal, shown as escapes. */
export function printable(text: string): string {
  const named: Record<string, string> = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\0': '\\0' };
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    character => named[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}

/** A text cut to so many characters, with an ellipsis where it was cut. */
export function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
