/** The largest bigint: no id comes after it. */
export const idEnd = '9223372036854775807'

/** An id that a row may have: a whole number from 1 that a bigint can hold. */
export function isId(text: string): boolean {
  return /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n
}

/** Compares ids or epochs, which are decimal texts: the longer one is larger. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}
