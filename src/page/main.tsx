/** The entry point of both pages: shows the transcript in the page, or waits for files. */
import { render } from 'preact';
import { readTranscript } from './model/transcript-lines.js';
import { App } from './view/app.js';

const contentOf = (id: string) => document.getElementById(id)?.textContent?.trim() ?? '';

const transcript = contentOf('transcript');
const embedded = transcript === '' ? undefined : readTranscript(transcript);
render(<App embedded={embedded} verifier={contentOf('verifier')} />, document.getElementById('page')!);
