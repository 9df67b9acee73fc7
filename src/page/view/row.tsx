/** A row of the diagram: a button with what it shows, and the details below when it is open. */
import type { ComponentChildren } from 'preact';

/** Where a row is in the list. */
export interface Place {
  index: number;
  /** Number of all rows, visible or not. */
  size: number;
  /** The distance from the top of the list, in pixels; undefined on paper. */
  top?: number;
  /** Only one row can be reached with Tab; the arrows go to the others. */
  focusable: boolean;
  focused: (index: number) => void;
  measure?: (element: HTMLElement | null) => void;
  toggle: (key: string) => void;
}

export interface RowProps extends Place {
  id: string;
  className: string;
  isOpen: boolean;
  head: ComponentChildren;
  children: ComponentChildren;
}

export function Row({ id, className, isOpen, head, children, ...place }: RowProps) {
  const { index, size, top, focusable, focused, measure, toggle } = place;
  return (
    <li
      class={`row ${className}${isOpen ? ' open' : ''}`}
      data-index={index}
      aria-setsize={size}
      aria-posinset={index + 1}
      ref={measure ?? null}
      style={top === undefined ? {} : { transform: `translateY(${top}px)` }}
    >
      <button
        type="button"
        class="head"
        aria-expanded={isOpen}
        tabIndex={focusable ? 0 : -1}
        onFocus={() => focused(index)}
        onClick={() => toggle(id)}
      >
        {head}
      </button>
      {isOpen && <div class="details">{children}</div>}
    </li>
  );
}
