/** The entry point of both pages: shows the transcript in the page, or waits for files. */
import { render } from 'preact';
import { readTranscript } from './model/transcript-lines.js';
import { unpackVerifier } from './verifier/verifier.js';
import { App } from './view/app.js';

const contentOf = (id: string) => document.getElementById(id)?.textContent?.trim() ?? '';

const transcript = contentOf('transcript');
const embedded = transcript === '' ? undefined : readTranscript(transcript);
const packed = contentOf('verifier');
const root = document.getElementById('page')!;
const verifier = packed === '' ? undefined : unpackVerifier(packed);
render(<App embedded={embedded} verifier={verifier} />, root);
