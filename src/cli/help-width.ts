/** Texts of `--help` in a terminal that is narrower than their lines. */

/** A paragraph, an example, or an option with what it does. */
interface Block {
  /** Spaces, and the option or the command that is described. */
  start: string;
  text: string;
}

/** The least room for a description beside what it describes; where there is less, it comes below. */
const LEAST = 40;
/** Its indentation there. */
const BELOW = 6;
/** The indentation of examples, which are not broken. */
const EXAMPLE = 2;

/**
 * The text in lines of at most so many columns, as far as its words and examples permit.
 * @param columns  undefined if the output is not a terminal: then the text is unchanged
 */
export function fitted(help: string, columns: number | undefined): string {
  const lines = help.split('\n');
  if (columns === undefined || lines.every(line => line.length <= columns)) return help;
  return blocksOf(lines)
    .flatMap(block => linesOf(block, columns))
    .join('\n');
}

/** Joins the lines of one text: those without an indentation, and the further lines of a description. */
function blocksOf(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  for (const line of lines) {
    const start = /^ *\S.*? {2,}(?=\S)|^ */.exec(line)![0];
    const text = line.slice(start.length);
    const last = blocks.at(-1);
    const isFurther = start.trim() === '' && start.length !== EXAMPLE && text !== '';
    const goesOn = last?.text !== '' && last?.start.length !== EXAMPLE && (last?.start === '') === (start === '');
    if (last !== undefined && isFurther && goesOn) last.text += ` ${text}`;
    else blocks.push({ start, text });
  }
  return blocks;
}

function linesOf({ start, text }: Block, columns: number): string[] {
  if (start.length === EXAMPLE && start.trim() === '') return [start + text];
  const hasRoom = start === '' || start.length + LEAST <= columns;
  const indent = ' '.repeat(hasRoom ? start.length : BELOW);
  const lines = hasRoom || start.trim() === '' ? [] : [start.trimEnd()];
  let line = hasRoom ? start : indent;
  let isEmpty = true;
  for (const word of text.split(' ')) {
    if (!isEmpty && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
