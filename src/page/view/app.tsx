/** The page: takes files, and shows the transcript that is in the page or comes from them. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type ReadTranscript, readTranscript } from '../model/transcript-lines.js';
import { fileKind, HEAD } from '../verifier/file-kind.js';
import type { Progress } from '../verifier/messages.js';
import type { Running, Verifier } from '../verifier/verifier.js';
import { useDrop } from './drop.js';
import { TranscriptView } from './transcript-view.js';
import { VerifyForm } from './verify-form.js';

export interface AppProps {
  /** The transcript in the page. */
  embedded: ReadTranscript | undefined;
  /** Undefined in a page without a verifier, which only shows transcripts. */
  verifier: Verifier | undefined;
}

interface Shown {
  transcript: ReadTranscript;
  notices: readonly string[];
}

export function App({ embedded, verifier }: AppProps) {
  const [shown, setShown] = useState<Shown | undefined>(embedded && { transcript: embedded, notices: [] });
  const [files, setFiles] = useState<readonly File[]>([]);
  const [keys, setKeys] = useState('');
  const [progress, setProgress] = useState<Progress | 'starting'>();
  const running = useRef<Running | undefined>(undefined);

  const cancel = () => {
    running.current?.cancel();
    setProgress(undefined);
  };
  const verify = (all: readonly File[]) => {
    cancel();
    if (verifier === undefined || all.length === 0) return;
    setProgress('starting');
    running.current = verifier({ files: all, keys }, setProgress, ({ records, notices }) => {
      setProgress(undefined);
      setShown({ transcript: { records, unreadable: 0 }, notices });
    });
  };
  const add = async (added: readonly File[]) => {
    const transcript = await transcriptIn(added);
    if (transcript !== undefined) {
      cancel();
      setShown({ transcript, notices: [] });
    } else if (verifier === undefined) {
      const notices = [
        'Not a transcript. This page shows what "rfc2228 verify --json" prints; "rfc2228 page" writes one that verifies captures.',
      ];
      setShown({ transcript: shown?.transcript ?? { records: [], unreadable: 0 }, notices });
    } else {
      const all = [...files, ...added];
      setFiles(all);
      verify(all);
    }
  };
  const clear = () => {
    cancel();
    setFiles([]);
    setShown(undefined);
  };
  const over = useDrop(add);
  useEffect(() => cancel, []);

  return (
    <div class={over ? 'over' : ''}>
      <header>
        <h1>FTP security transcript</h1>
      </header>
      <main>
        {verifier && (
          <VerifyForm {...{ files, keys, progress, add, setKeys, cancel, clear }} verify={() => verify(files)} />
        )}
        {shown && <TranscriptView transcript={shown.transcript} notices={shown.notices} />}
        {!shown && !verifier && <p class="empty">Drop the output of "rfc2228 verify --json" on this page.</p>}
      </main>
    </div>
  );
}

/** The transcript that the only file has; undefined for other files. */
async function transcriptIn([file, ...more]: readonly File[]): Promise<ReadTranscript | undefined> {
  if (file === undefined || more.length > 0) return undefined;
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  return fileKind(head, file.name) === 'transcript' ? readTranscript(await file.text()) : undefined;
}
