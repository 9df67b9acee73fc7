/** What a misspelt word of the command line may have meant. */

/**
 * The name that a word resembles most: one that it begins, or that differs in few letters; hyphens do not count.
 * @returns undefined if none does
 */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.replaceAll('-', '').toLowerCase();
  const wanted = plain(word);
  if (wanted.length < 3) return undefined;
  const begun = names.filter(name => plain(name).startsWith(wanted));
  if (begun.length === 1) return begun[0];
  const ranked = names.map(name => ({ name, letters: distance(wanted, plain(name)) }));
  const [best] = ranked.sort((a, b) => a.letters - b.letters);
  return best !== undefined && best.letters <= Math.ceil(wanted.length / 4) ? best.name : undefined;
}

/**
 * How many letters have to be added, removed, replaced, or exchanged with their neighbour to make one word the other (optimal string
 * alignment, Damerau and Levenshtein).
 */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const areExchanged = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const exchanged = areExchanged ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(replaced, exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
