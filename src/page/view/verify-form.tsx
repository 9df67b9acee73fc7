/** Files and keys to be verified, and how far that is. */
import { printable } from '../../printable.js';
import { count } from '../model/text.js';
import type { Progress } from '../verifier/messages.js';

export interface VerifyFormProps {
  files: readonly File[];
  keys: string;
  /** Undefined while nothing is being verified. */
  progress: Progress | 'starting' | undefined;
  add: (files: readonly File[]) => void;
  setKeys: (keys: string) => void;
  verify: () => void;
  cancel: () => void;
  clear: () => void;
}

export function VerifyForm({ files, keys, progress, add, setKeys, verify, cancel, clear }: VerifyFormProps) {
  const choose = ({ currentTarget }: { currentTarget: HTMLInputElement }) => {
    add([...(currentTarget.files ?? [])]);
    currentTarget.value = '';
  };
  const submit = (event: Event) => {
    event.preventDefault();
    verify();
  };
  return (
    <section aria-label="Files and keys">
      <form class="verify" onSubmit={submit}>
        <p>
          Drop captures (pcap, pcapng, gzip), text transcripts and keytabs anywhere on this page. The files never leave
          this machine: the page can make no connections.
        </p>
        <label>
          Or choose files <input type="file" multiple onChange={choose} />
        </label>
        <label class="text">
          Keys, as ENCTYPE:HEX or PSK:HEX{' '}
          <input
            type="text"
            autocomplete="off"
            spellcheck={false}
            value={keys}
            onInput={event => setKeys(event.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={files.length === 0}>
          Verify
        </button>
        {files.length > 0 && (
          <button type="button" onClick={clear}>
            Remove all files
          </button>
        )}
      </form>
      {files.length > 0 && (
        <ul class="files" aria-label="Files">
          {files.map((file, index) => (
            <li key={index}>
              {printable(file.name)}, {count(file.size, 'octet')}
            </li>
          ))}
        </ul>
      )}
      {progress !== undefined && <Running progress={progress} cancel={cancel} />}
    </section>
  );
}

function Running({ progress, cancel }: { progress: Progress | 'starting'; cancel: () => void }) {
  const { file, pass, octets, size } = progress === 'starting' ? { file: '', pass: 0, octets: 0, size: 1 } : progress;
  return (
    <p class="running">
      <progress aria-label="Progress" max={size} value={octets} />{' '}
      {file !== '' && `${printable(file)}: ${Math.floor((100 * octets) / size)} %, pass ${pass} `}
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </p>
  );
}
