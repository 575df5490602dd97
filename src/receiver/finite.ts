/**
 * A number that was passed in. NaN compares as neither too small nor too large and Infinity is no limit, so both would
 * switch off the check that they are meant for.
 *
 * @throws TypeError that names it, for anything but a finite number of at least `least`.
 */
export function finite(name: string, value: unknown, least = Number.NEGATIVE_INFINITY): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value
  const expected = least === Number.NEGATIVE_INFINITY ? 'a finite number' : `a finite number of at least ${least}`
  throw new TypeError(`${name}: expected ${expected}; got ${typeof value === 'number' ? value : typeof value}`)
}
