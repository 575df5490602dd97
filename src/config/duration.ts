const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `500ms`, `15s`, `5m`, `1h`, `30d`; null for anything else, even a bare number. */
export function durationMs(text: string): number | null {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? []
  const factor = unitMs[unit]
  return factor === undefined ? null : Number(digits) * factor
}

/** The shortest exact text that `durationMs` reads. */
export function durationText(ms: number): string {
  if (ms === 0) return '0ms'
  const [unit, factor] = Object.entries(unitMs).findLast(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / factor}${unit}`
}
