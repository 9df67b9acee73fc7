/** The sample encryptions and checksums of RFC 6803 §10. For each key size, the encryptions have key usages from 0 on. */

export const CAMELLIA_TEXTS = [
  {
    usage: 0,
    key: '1dc46a8d763f4f93742bcba3387576c3',
    text: '',
    confounder: 'b69822a19a6b09c0ebc8557d1f1b6c0a',
    ciphertext: 'c466f1871069921edb7c6fde244a52db0ba10edc197bdb8006658ca3ccce6eb8',
  },
  {
    usage: 1,
    key: '5027bc231d0f3a9d23333f1ca6fdbe7c',
    text: '1',
    confounder: '6f2fc3c2a166fd8898967a83de9596d9',
    ciphertext: '842d21fd950311c0dd464a3f4be8d6da88a56d559c9b47d3f9a85067af661559b8',
  },
  {
    usage: 2,
    key: 'a1bb61e805f9ba6dde8fdbddc05cdea0',
    text: '9 bytesss',
    confounder: 'a5b4a71e077aeef93c8763c18fdb1f10',
    ciphertext: '619ff072e36286ff0a28deb3a352ec0d0edf5c5160d663c901758ccf9d1ed33d71db8f23aabf8348a0',
  },
  {
    usage: 3,
    key: '2ca27a5faf5532244506434e1cef6676',
    text: '13 bytes byte',
    confounder: '19fee40d810c524b5b22f01874c693da',
    ciphertext: 'b8eca3167ae6315512e59f98a7c500205e5f63ff3bb389af1c41a21d640d8615c9ed3fbeb05ab6acb67689b5ea',
  },
  {
    usage: 4,
    key: '7824f8c16f83ff354c6bf7515b973f43',
    text: '30 bytes bytes bytes bytes byt',
    confounder: 'ca7a7ab4be192dabd603506db19c39e2',
    ciphertext:
      'a26a3905a4ffd5816b7b1e27380d08090c8ec1f304496e1abdcd2bdcd1dffc660989e117a713ddbb57a4146c1587cba4356665591d2240282f5842b105a5',
  },
  {
    usage: 0,
    key: 'b61c86cc4e5d2757545ad423399fb7031ecab913cbb900bd7a3c6dd8bf92015b',
    text: '',
    confounder: '3cbbd2b45917941067f96599bb98926c',
    ciphertext: '03886d03310b47a6d8f06d7b94d1dd837ecce315ef652aff620859d94a259266',
  },
  {
    usage: 1,
    key: '1b97fe0a190e2021eb30753e1b6e1e77b0754b1d684610355864104963463833',
    text: '1',
    confounder: 'def487fcebe6de6346d4da4521bba2d2',
    ciphertext: '2c9c1570133c99bf6a34bc1b0212002fd194338749db4135497a347cfcd9d18a12',
  },
  {
    usage: 2,
    key: '32164c5b434d1d1538e4cfd9be8040fe8c4ac7acc4b93d3314d2133668147a05',
    text: '9 bytesss',
    confounder: 'ad4ff904d34e555384b14100fc465f88',
    ciphertext: '9c6de75f812de7ed0d28b2963557a115640998275b0af5152709913ff52a2a9c8e63b872f92e64c839',
  },
  {
    usage: 3,
    key: 'b038b132cd8e06612267fab7170066d88aeccba0b744bfc60dc89bca182d0715',
    text: '13 bytes byte',
    confounder: 'cf9bca6df1144e0c0af9b8f34c90d514',
    ciphertext: 'eeec85a9813cdc536772ab9b42defc5706f726e975dde05a87eb5406ea324ca185c9986b42aabe794b84821bee',
  },
  {
    usage: 4,
    key: 'ccfcd349bf4c6677e86e4b02b8eab924a546ac731cf9bf6989b996e7d6bfbba7',
    text: '30 bytes bytes bytes bytes byt',
    confounder: '644def38da35007275878d216855e228',
    ciphertext:
      '0e44680985855f2d1f1812529ca83bfd8e349de6fd9ada0baaa048d68e265febf34ad1255a344999ad37146887a6c6845731ac7f46376a0504cd06571474',
  },
];

export const CAMELLIA_CHECKSUMS = [
  {
    usage: 7,
    key: '1dc46a8d763f4f93742bcba3387576c3',
    text: 'abcdefghijk',
    checksum: '1178e6c5c47a8c1ae0c4b9c7d4eb7b6b',
  },
  {
    usage: 8,
    key: '5027bc231d0f3a9d23333f1ca6fdbe7c',
    text: 'ABCDEFGHIJKLMNOPQRSTUVWXYZ',
    checksum: 'd1b34f7004a731f23a0c00bf6c3f753a',
  },
  {
    usage: 9,
    key: 'b61c86cc4e5d2757545ad423399fb7031ecab913cbb900bd7a3c6dd8bf92015b',
    text: '123456789',
    checksum: '87a12cfd2b96214810f01c826e7744b1',
  },
  {
    usage: 10,
    key: '32164c5b434d1d1538e4cfd9be8040fe8c4ac7acc4b93d3314d2133668147a05',
    text: '!@#$%^&*()!@#$%^&*()!@#$%^&*()',
    checksum: '3fa0b42355e52b189187294aa252ab64',
  },
];
