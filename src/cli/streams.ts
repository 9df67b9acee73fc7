/** The outputs of the command: those of `process`, or of a test. */

export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Output {
  /** The width of the terminal in columns; absent if the output is not a terminal. */
  readonly columns?: number;
  write(text: string): unknown;
}
