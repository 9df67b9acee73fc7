/** The error codes in KRB-ERRORs of application servers (RFC 4120 §7.5.9). */

const ERROR_NAMES = {
  0: 'KDC_ERR_NONE',
  3: 'KDC_ERR_BAD_PVNO',
  14: 'KDC_ERR_ETYPE_NOSUPP',
  15: 'KDC_ERR_SUMTYPE_NOSUPP',
  31: 'KRB_AP_ERR_BAD_INTEGRITY',
  32: 'KRB_AP_ERR_TKT_EXPIRED',
  33: 'KRB_AP_ERR_TKT_NYV',
  34: 'KRB_AP_ERR_REPEAT',
  35: 'KRB_AP_ERR_NOT_US',
  36: 'KRB_AP_ERR_BADMATCH',
  37: 'KRB_AP_ERR_SKEW',
  38: 'KRB_AP_ERR_BADADDR',
  39: 'KRB_AP_ERR_BADVERSION',
  40: 'KRB_AP_ERR_MSG_TYPE',
  41: 'KRB_AP_ERR_MODIFIED',
  42: 'KRB_AP_ERR_BADORDER',
  44: 'KRB_AP_ERR_BADKEYVER',
  45: 'KRB_AP_ERR_NOKEY',
  46: 'KRB_AP_ERR_MUT_FAIL',
  47: 'KRB_AP_ERR_BADDIRECTION',
  48: 'KRB_AP_ERR_METHOD',
  49: 'KRB_AP_ERR_BADSEQ',
  50: 'KRB_AP_ERR_INAPP_CKSUM',
  51: 'KRB_AP_PATH_NOT_ACCEPTED',
  52: 'KRB_ERR_RESPONSE_TOO_BIG',
  60: 'KRB_ERR_GENERIC',
  61: 'KRB_ERR_FIELD_TOOLONG',
  67: 'KRB_AP_ERR_NO_TGT',
  69: 'KRB_AP_ERR_USER_TO_USER_REQUIRED',
} as const;

export type KrbErrorName = (typeof ERROR_NAMES)[keyof typeof ERROR_NAMES];

const BY_NUMBER: Readonly<Record<number, KrbErrorName>> = ERROR_NAMES;

/** The RFC's name of an error code; undefined for unknown codes and those that only a KDC sends. */
export function errorName(code: number): KrbErrorName | undefined {
  return BY_NUMBER[code];
}

export function errorNumber(name: KrbErrorName): number {
  return Number(Object.entries(ERROR_NAMES).find(([, entry]) => entry === name)![0]);
}
