import { describe, expect, test } from 'vitest';
import { matchesPattern, parseSigningPolicy, permits } from '../../../src/node/gsi/signing-policy.js';
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
    ['/C=EX/O=Grid/CN=Authority', [[['/C=EX/O=Grid/*', '/C=EX/O=Other/CN=?nna']]]],
    ['/CN=Second', [[['/CN=Second/*']]]],
    ['/CN=Third', []],
  ]);
});

test('older names of attributes are those of today', () => {
  const file = `access_id_CA X509 '/O=Grid/Email=ca@example.org'\npos_rights globus CA:sign\ncond_subjects globus '"/USERID=a/E=*"'`;
  expect([...parseSigningPolicy(file)]).toEqual([
    ['/O=Grid/emailAddress=ca@example.org', [[['/UID=a/emailAddress=*']]]],
  ]);
});

const BEGINNING = "access_id_CA X509 '/O=Grid'\npos_rights globus CA:sign\ncond_subjects globus ";
const rightsIn = (conditions: string) => parseSigningPolicy(BEGINNING + conditions).get('/O=Grid')!;

test.each(['\'"/CN=A*"\' # was "*"', '\'"/CN=A*"\'#"*"', '\'"/CN=A*"\' # \u2028 cond_subjects globus *'])(
  'a comment at the end of a line permits nothing, also with quotes in it: %s',
  line => {
    expect(rightsIn(line)).toEqual([[['/CN=A*']]]);
  },
);

test('what is in quotes may take several lines', () => {
  expect(rightsIn('\n\'"/CN=A*"\r\n  "/CN=B*"\'\r\n')).toEqual([[['/CN=A*', '/CN=B*']]]);
});

test('a name has to meet all conditions of a right', () => {
  const [both] = rightsIn('\'"/O=Grid/*" "/O=Other/*"\'\ncond_subjects globus \'"/O=Grid/CN=A*"\'');
  const names = ['/O=Grid/CN=Anna', '/O=Grid/CN=Bob', '/O=Other/CN=Anna'];
  expect(names.map(name => permits(both!, name))).toEqual([true, false, false]);
});

test('of the rights of an authority one is enough, and one without a condition permits nothing', () => {
  const more = 'pos_rights globus CA:sign\ncond_subjects globus "/CN=B"\n';
  expect(rightsIn(`/CN=A\n${more}${BEGINNING}/CN=C\npos_rights globus CA:sign`)).toEqual([
    [['/CN=A']],
    [['/CN=B']],
    [['/CN=C']],
    [],
  ]);
  expect(permits([], '/CN=A')).toBe(false);
});

test('conditions of another right, or before the right, permit nothing', () => {
  const right = (name: string) => `pos_rights globus ${name}\ncond_subjects globus '"*"'\n`;
  expect(rightsIn(`/CN=A\n${right('CA:read')}`)).toEqual([[['/CN=A']]]);
  const early = `access_id_CA X509 /O=Grid\ncond_subjects globus '"*"'\npos_rights globus CA:sign`;
  expect([...parseSigningPolicy(early)]).toEqual([['/O=Grid', [[]]]]);
});

test.each([
  ['cond_subjects globus *', 1],
  ["access_id_CA X509 '/CN=A'\nneg_rights globus CA:sign", 2],
  ['\naccess_id_anybody x y', 2],
  ['words', 1],
  [`${BEGINNING}'"*"`, 3],
  [`${BEGINNING}'"/CN=A*"' '"*"'`, 3],
  [`${BEGINNING}'"/CN=A*"''"*"'`, 3],
  [`${BEGINNING}'"/CN=O'Brien"'`, 3],
  [BEGINNING, 3],
  ["access_id_CA X509 '/CN=A'\npos_rights other CA:sign", 2],
  ["access_id_CA X509 '/CN=A'\npos_rights globus CA:sign\ncond_subjects other *", 3],
  ["access_id_CA X509 '/CN=A'\npos_rights globus CA:sign\ncond_time globus *", 3],
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
