import { describe, test } from 'vitest';
import { mechanismContract } from '../../../src/mechanisms/contract.js';
import { pskSubject } from './subject.js';

describe('X-PSK keeps the contract of mechanisms', () => {
  for (const { name, run } of mechanismContract(pskSubject)) test(name, run);
});
