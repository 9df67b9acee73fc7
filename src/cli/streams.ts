/** Where the command writes: `process`, or what a test uses in its place. */

export interface Streams {
  readonly stdout: Output;
  readonly stderr: Output;
}

export interface Output {
  /** Of a terminal: how wide it is. */
  readonly columns?: number;
  write(text: string): unknown;
}
