/**
 * Checks a number that the caller passed. A limit of NaN or Infinity would switch its check off.
 *
 * @throws TypeError that names the option, unless `value` is a finite number of at least `least`.
 */
export function finite(name: string, value: unknown, least = Number.NEGATIVE_INFINITY): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value
  const expected = least === Number.NEGATIVE_INFINITY ? 'a finite number' : `a finite number of at least ${least}`
  throw new TypeError(`${name}: expected ${expected}; got ${typeof value === 'number' ? value : typeof value}`)
}
