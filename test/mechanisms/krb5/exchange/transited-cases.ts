/** Lists of transited realms, what they stand for, and whether an acceptor takes them (RFC 4120 §2.7, §3.3.3.2). */

export interface TransitedCase {
  name: string;
  /** The client's realm. */
  client: string;
  /** The service's realm. */
  server: string;
  contents: string;
  /** What the contents stand for; those of null subfields from each side up. */
  realms: readonly string[];
  /** Whether all of them are on the hierarchical path. */
  trusted: boolean;
}

const FOREST = { client: 'A.CORP.COM', server: 'B.CORP.COM' };
const EDU = { client: 'X.ATHENA.MIT.EDU', server: 'X.CS.WASHINGTON.EDU' };
const HP = { client: '/COM/HP/APOLLO/X', server: '/COM/DEC/X' };
const ENDS = { client: 'CS.MIT.EDU', server: '/COM/HP/APOLLO' };

/** The examples of §3.3.3.2. */
export const EXAMPLES: readonly TransitedCase[] = [
  {
    name: 'a trailing dot continues the realm before it',
    ...EDU,
    contents: 'EDU,MIT.,ATHENA.,WASHINGTON.EDU,CS.',
    realms: ['EDU', 'MIT.EDU', 'ATHENA.MIT.EDU', 'WASHINGTON.EDU', 'CS.WASHINGTON.EDU'],
    trusted: true,
  },
  {
    name: 'the same between the ends of that list',
    client: 'ATHENA.MIT.EDU',
    server: 'CS.WASHINGTON.EDU',
    contents: 'EDU,MIT.,WASHINGTON.EDU',
    realms: ['EDU', 'MIT.EDU', 'WASHINGTON.EDU'],
    trusted: true,
  },
  {
    name: 'a leading slash continues the realm before it',
    ...HP,
    contents: '/COM,/HP,/APOLLO, /COM/DEC',
    realms: ['/COM', '/COM/HP', '/COM/HP/APOLLO', '/COM/DEC'],
    trusted: true,
  },
  {
    name: 'the same between the ends of that list',
    client: '/COM/HP/APOLLO',
    server: '/COM/DEC',
    contents: '/COM,/HP',
    realms: ['/COM', '/COM/HP'],
    trusted: true,
  },
  {
    name: 'a comma alone is the whole path',
    ...FOREST,
    contents: ',',
    realms: ['CORP.COM'],
    trusted: true,
  },
  {
    name: 'null subfields at both ends',
    ...ENDS,
    contents: ',EDU, /COM,',
    realms: ['MIT.EDU', 'EDU', '/COM', '/COM/HP'],
    trusted: true,
  },
];

export const CASES: readonly TransitedCase[] = [
  ...EXAMPLES,
  { name: 'nothing', ...FOREST, contents: '', realms: [], trusted: true },
  { name: 'a forest', ...FOREST, contents: 'CORP.COM', realms: ['CORP.COM'], trusted: true },
  {
    name: 'two trees, joined at their roots',
    client: 'A.CORP.COM',
    server: 'B.OTHER.NET',
    contents: 'CORP.COM,OTHER.NET',
    realms: ['CORP.COM', 'OTHER.NET'],
    trusted: true,
  },
  {
    name: 'two trees, joined by a realm elsewhere',
    client: 'A.CORP.COM',
    server: 'B.OTHER.NET',
    contents: 'CORP.COM,ROOT.EXAMPLE,OTHER.NET',
    realms: ['CORP.COM', 'ROOT.EXAMPLE', 'OTHER.NET'],
    trusted: false,
  },
  { name: 'a realm above both', ...FOREST, contents: 'COM', realms: ['COM'], trusted: false },
  { name: 'a realm beside', ...FOREST, contents: 'C.CORP.COM', realms: ['C.CORP.COM'], trusted: false },
  { name: 'a realm below', ...FOREST, contents: 'X.A.CORP.COM', realms: ['X.A.CORP.COM'], trusted: false },
  { name: 'a name that only ends alike', ...FOREST, contents: 'ORP.COM', realms: ['ORP.COM'], trusted: false },
  { name: 'another case', ...FOREST, contents: 'corp.com', realms: ['corp.com'], trusted: false },
  {
    name: 'the client’s own realm',
    ...FOREST,
    contents: 'A.CORP.COM,CORP.COM',
    realms: ['A.CORP.COM', 'CORP.COM'],
    trusted: true,
  },
  {
    name: 'the service’s own realm',
    ...FOREST,
    contents: 'CORP.COM,B.CORP.COM',
    realms: ['CORP.COM', 'B.CORP.COM'],
    trusted: false,
  },
  {
    name: 'names with a common end that is no realm',
    client: 'XCORP.COM',
    server: 'A.YCORP.COM',
    contents: 'COM,YCORP.COM',
    realms: ['COM', 'YCORP.COM'],
    trusted: true,
  },
  {
    name: 'one end above the other',
    client: 'CORP.COM',
    server: 'A.B.CORP.COM',
    contents: ',',
    realms: ['B.CORP.COM'],
    trusted: true,
  },
  {
    name: 'the end above is left',
    client: 'CORP.COM',
    server: 'A.B.CORP.COM',
    contents: 'COM',
    realms: ['COM'],
    trusted: false,
  },
  {
    name: 'several null subfields',
    ...EDU,
    contents: ',,EDU,,',
    realms: ['ATHENA.MIT.EDU', 'MIT.EDU', 'EDU', 'CS.WASHINGTON.EDU', 'WASHINGTON.EDU'],
    trusted: true,
  },
  {
    name: 'a null subfield in the middle',
    ...EDU,
    contents: 'EDU,,CS.WASHINGTON.EDU',
    realms: ['EDU', 'WASHINGTON.EDU', 'CS.WASHINGTON.EDU'],
    trusted: true,
  },
  {
    name: 'a null subfield, then a realm that continues the one before it',
    ...EDU,
    contents: 'EDU,,MIT.',
    realms: ['EDU', 'MIT.EDU'],
    trusted: true,
  },
  {
    name: 'a null subfield between neighbours',
    ...EDU,
    contents: 'EDU,,MIT.EDU',
    realms: ['EDU', 'MIT.EDU'],
    trusted: true,
  },
  {
    name: 'a first realm that continues nothing',
    ...EDU,
    contents: ',EDU.',
    realms: ['ATHENA.MIT.EDU', 'MIT.EDU', 'EDU', 'EDU.'],
    trusted: false,
  },
  { name: 'a quoted comma', ...FOREST, contents: 'A\\,B', realms: ['A,B'], trusted: false },
  {
    name: 'a quoted backslash',
    client: 'A.B\\C',
    server: 'D.B\\C',
    contents: 'B\\\\C',
    realms: ['B\\C'],
    trusted: true,
  },
  { name: 'a quoted ordinary character', ...FOREST, contents: 'C\\ORP.COM', realms: ['CORP.COM'], trusted: true },
  { name: 'a quoted trailing dot', ...FOREST, contents: 'COM,CORP\\.', realms: ['COM', 'CORP.'], trusted: false },
  {
    name: 'a trailing dot behind a quoted backslash',
    ...FOREST,
    contents: 'COM,X\\\\.',
    realms: ['COM', 'X\\.COM'],
    trusted: false,
  },
  {
    name: 'a quoted end behind a dot',
    ...FOREST,
    contents: 'COM,CORP.\\M',
    realms: ['COM', 'CORP.M'],
    trusted: false,
  },
  { name: 'a quoted leading blank', ...FOREST, contents: '\\ CORP.COM', realms: [' CORP.COM'], trusted: false },
  { name: 'a blank before a domain', ...FOREST, contents: ' CORP.COM', realms: ['CORP.COM'], trusted: true },
  { name: 'two blanks before a domain', ...FOREST, contents: '  CORP.COM', realms: ['CORP.COM'], trusted: true },
  { name: 'a blank within', ...FOREST, contents: 'CORP .COM', realms: ['CORP .COM'], trusted: false },
  {
    name: 'a trailing dot behind a blank',
    client: 'A.EDU',
    server: 'B.EDU',
    contents: 'EDU, EDU.',
    realms: ['EDU', 'EDU.'],
    trusted: false,
  },
  { name: 'a slash and a dot', ...HP, contents: '/COM,/X.', realms: ['/COM', '/COM/X.'], trusted: false },
  { name: 'a quoted slash', ...HP, contents: '/COM,\\/COM/HP', realms: ['/COM', '/COM/HP'], trusted: true },
  { name: 'an octet that is not UTF-8', ...FOREST, contents: '\xff.COM', realms: ['\udcff.COM'], trusted: false },
  {
    name: 'a client of the service’s realm',
    client: 'A.CORP.COM',
    server: 'A.CORP.COM',
    contents: 'CORP.COM',
    realms: ['CORP.COM'],
    trusted: false,
  },
  {
    name: 'a client of the service’s realm, which is listed',
    client: 'A.CORP.COM',
    server: 'A.CORP.COM',
    contents: 'A.CORP.COM',
    realms: ['A.CORP.COM'],
    trusted: false,
  },
];

/** Contents that stand for nothing. */
export const MALFORMED: readonly [name: string, contents: string][] = [
  ['a backslash at the end', 'CORP.COM\\'],
  ['a backslash alone', '\\'],
  ['a blank realm', 'CORP.COM, '],
  ['a blank realm between others', 'CORP.COM,  ,COM'],
  ['a blank alone', ' '],
];
