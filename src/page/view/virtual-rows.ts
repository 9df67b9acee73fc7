/** The virtual list of @tanstack/virtual-core as a hook: only rows near the visible part of the page exist. */
import {
  defaultRangeExtractor,
  measureElement,
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  windowScroll,
} from '@tanstack/virtual-core';
import type { RefObject } from 'preact';
import { useLayoutEffect, useReducer, useState } from 'preact/hooks';

export interface VirtualRowsOptions {
  count: number;
  keyOf: (index: number) => string;
  /** The height of a row before it is measured, in pixels. */
  heightOf: (index: number) => number;
  /** The row that exists wherever the page is scrolled to, because it has the focus. */
  active: number;
  list: RefObject<HTMLElement | null>;
}

export type VirtualRows = Virtualizer<Window, HTMLElement>;

export function useVirtualRows({ count, keyOf, heightOf, active, list }: VirtualRowsOptions): VirtualRows {
  const [, rerender] = useReducer((version: number) => version + 1, 0);
  const options = {
    count,
    getItemKey: keyOf,
    estimateSize: heightOf,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    measureElement,
    overscan: 12,
    // The filter stays at the top of the window, above the rows.
    scrollPaddingStart: 72,
    scrollPaddingEnd: 8,
    scrollMargin: list.current === null ? 0 : list.current.getBoundingClientRect().top + window.scrollY,
    initialRect: { width: window.innerWidth, height: window.innerHeight },
    rangeExtractor: (range: Parameters<typeof defaultRangeExtractor>[0]) => {
      const near = defaultRangeExtractor(range);
      return near.includes(active) || active < 0 || active >= count ? near : [...near, active].sort((a, b) => a - b);
    },
    onChange: () => rerender(undefined),
  };
  const [rows] = useState(() => new Virtualizer<Window, HTMLElement>(options));
  rows.setOptions(options);
  useLayoutEffect(() => rows._didMount(), [rows]);
  useLayoutEffect(() => rows._willUpdate());
  return rows;
}
