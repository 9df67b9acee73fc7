/** Files that are dropped anywhere on the page. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** @returns whether files are being dragged over the page */
export function useDrop(drop: (files: readonly File[]) => void): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(drop);
  latest.current = drop;
  // At once, since until then the browser opens a file that is dropped.
  useLayoutEffect(() => {
    const drag = (event: DragEvent) => {
      event.preventDefault();
      setOver(event.type !== 'dragleave');
    };
    const dropped = (event: DragEvent) => {
      event.preventDefault();
      setOver(false);
      latest.current([...(event.dataTransfer?.files ?? [])]);
    };
    document.addEventListener('dragover', drag);
    document.addEventListener('dragleave', drag);
    document.addEventListener('drop', dropped);
    return () => {
      document.removeEventListener('dragover', drag);
      document.removeEventListener('dragleave', drag);
      document.removeEventListener('drop', dropped);
    };
  }, []);
  return over;
}
