import { describe, expect, test } from 'vitest';
import { matchesPattern, parseSigningPolicy } from '../../../src/node/gsi/signing-policy.js';
import { growth, LINEAR } from '../../ftp/readers.js';
import { errorOf } from '../../helpers.js';

const FILE = `
# EACL of a grid
 access_id_CA      X509         '/C=EX/O=Grid/CN=Authority'
 pos_rights        globus        CA:sign
 cond_subjects     globus       '"/C=EX/O=Grid/*" "/C=EX/O=Other/CN=?nna"'

access_id_CA X509 "/CN=Second"
pos_rights globus CA:sign
cond_subjects globus /CN=Second/*
access_id_CA X509 '/CN=Third'
cond_subjects globus '"*"'
`;

test('a file has the patterns of each authority, and none for one without the right to sign', () => {
  expect([...parseSigningPolicy(FILE)]).toEqual([
    ['/C=EX/O=Grid/CN=Authority', ['/C=EX/O=Grid/*', '/C=EX/O=Other/CN=?nna']],
    ['/CN=Second', ['/CN=Second/*']],
    ['/CN=Third', []],
  ]);
});

test('older names of attributes are those of today', () => {
  const file = `access_id_CA X509 '/O=Grid/Email=ca@example.org'\npos_rights globus CA:sign\ncond_subjects globus '"/USERID=a/E=*"'`;
  expect([...parseSigningPolicy(file)]).toEqual([['/O=Grid/emailAddress=ca@example.org', ['/UID=a/emailAddress=*']]]);
});

test.each([
  ['cond_subjects globus *', 1],
  ["access_id_CA X509 '/CN=A'\nneg_rights globus CA:sign", 2],
  ['\naccess_id_anybody x y', 2],
  ['words', 1],
])('a line that is not known is an error: %s', (text, line) => {
  const { code, message } = errorOf(() => parseSigningPolicy(text));
  expect([code, message]).toEqual(['syntax/bad-file', `signing policy: line ${line} can't be read`]);
});

describe('a pattern', () => {
  test.each([
    ['/O=Grid/CN=Anna', '/O=Grid/*', true],
    ['/O=Grid/CN=Anna', '*', true],
    ['/O=Grid/CN=Anna', '/O=Grid/CN=Anna', true],
    ['/O=Grid/CN=Anna', '/O=Grid/CN=?nna', true],
    ['/O=Grid/CN=Anna', '*CN=*a', true],
    ['/O=Grid/CN=Anna', '*Anna*', true],
    ['', '', true],
    ['', '*', true],
    ['/O=Grid/CN=Anna', '', false],
    ['/O=Grid/CN=Anna', '/O=Grid', false],
    ['/O=Grid/CN=Anna', 'O=Grid/*', false],
    ['/O=Grid/CN=Anna', '/O=Grid/CN=Ann?a', false],
    ['/O=Grid/CN=Anna', '/o=grid/*', false],
    ['/O=Grid/CN=Anna', '/O=Grid/CN=.*', false],
    ['/O=Grid', '/O=Grid/?*', false],
  ])('%s, %s: %s', (name, pattern, matches) => {
    expect(matchesPattern(name, pattern)).toBe(matches);
  });

  test('takes linear time for a given pattern', () => {
    expect(growth(size => matchesPattern('a'.repeat(size), '*a*a*a*a*b'), 20_000)).toBeLessThan(LINEAR);
  });
});
