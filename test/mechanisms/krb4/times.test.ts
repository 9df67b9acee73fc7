import { describe, expect, it } from 'vitest';
import { endOf } from '../../../src/mechanisms/krb4/times.js';

/** What krb_life_to_time has for lives from 128 to 191, in seconds. */
const TABLE = [
  38_400, 41_055, 43_894, 46_929, 50_174, 53_643, 57_352, 61_318, 65_558, 70_091, 74_937, 80_119, 85_658, 91_581,
  97_914, 104_684, 111_922, 119_661, 127_935, 136_781, 146_239, 156_350, 167_161, 178_720, 191_077, 204_289, 218_415,
  233_517, 249_664, 266_926, 285_383, 305_116, 326_213, 348_769, 372_885, 398_668, 426_234, 455_705, 487_215, 520_904,
  556_921, 595_430, 636_601, 680_618, 727_680, 777_995, 831_789, 889_303, 950_794, 1_016_537, 1_086_825, 1_161_973,
  1_242_318, 1_328_218, 1_420_057, 1_518_247, 1_623_226, 1_735_464, 1_855_462, 1_983_758, 2_120_925, 2_267_576,
  2_424_367, 2_592_000,
];

describe('the life of a ticket', () => {
  it('is in units of 5 minutes below 128', () => {
    expect([0, 1, 96, 127].map(life => endOf({ issued: 1000, life }))).toEqual([1000, 1300, 29_800, 39_100]);
  });

  it('is that of the table from 128 to 191', () => {
    expect(TABLE.map((_, i) => endOf({ issued: 0, life: 128 + i }))).toEqual(TABLE);
  });

  it('is 30 days above, and without end at 255', () => {
    expect([192, 254, 255].map(life => endOf({ issued: 1, life }))).toEqual([2_592_001, 2_592_001, Infinity]);
  });
});
