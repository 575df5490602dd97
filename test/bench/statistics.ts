/** The middle of the values, or the mean of the two middle ones. @throws {Error} when there are none. */
export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/**
 * Linear between the two nearest values, as PostgreSQL's `percentile_cont`.
 *
 * @param percent 0 to 100.
 * @throws {Error} when there are no values.
 */
export function percentile(values: ArrayLike<number>, percent: number): number {
  if (values.length === 0) throw new Error('No values to take a percentile of')
  const sorted = Float64Array.from(values).sort()
  const at = ((sorted.length - 1) * percent) / 100
  const below = sorted[Math.floor(at)] ?? 0
  const above = sorted[Math.ceil(at)] ?? 0
  return below + (above - below) * (at - Math.floor(at))
}

/** What the rounds of a measurement came to. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}
