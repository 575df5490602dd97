const msOf: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a timeout as PostgreSQL reads it: a number with a unit, without one milliseconds. null: not readable. */
export function timeoutMs(text: string): number | null {
  const [, count = '', unit = ''] = /^\s*['"]?\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*['"]?\s*$/.exec(text) ?? []
  const factor = unit === '' ? 1 : msOf[unit]
  return count === '' || factor === undefined ? null : Number(count) * factor
}
