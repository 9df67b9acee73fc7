/** Cases by what they mutate, for tests of one kind of them. */
import {
  type CaseOptions,
  type FuzzCase,
  fuzzCases,
  isMessage,
  isTransfer,
  MESSAGE_LAYERS,
  type MessageCase,
  type TransferCase,
} from '../../src/fuzz/cases.js';

export function messageCases(options: CaseOptions = {}): MessageCase[] {
  return [...fuzzCases({ layers: MESSAGE_LAYERS, ...options })].filter(isMessage);
}

export function exchangeCases(options: CaseOptions = {}): FuzzCase[] {
  return [...fuzzCases({ ...options, layers: ['exchange'] })];
}

export function transferCases(options: CaseOptions = {}): TransferCase[] {
  return [...fuzzCases({ variants: 1, ...options, layers: ['data'] })].filter(isTransfer);
}

export const SCRIPT_CASES: readonly FuzzCase[] = [...fuzzCases({ layers: ['phases'] })];
