const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `15s`, `5m`, `1h`, `30d` in milliseconds; null for anything else, a bare number included. */
export function durationMs(text: string): number | null {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? []
  const factor = unitMs[unit]
  return factor === undefined ? null : Number(digits) * factor
}

/** The shortest exact text that `durationMs` reads back. */
export function durationText(ms: number): string {
  if (ms === 0) return '0ms'
  const [unit, factor] = Object.entries(unitMs).findLast(([, each]) => ms % each === 0) ?? ['ms', 1]
  return `${ms / factor}${unit}`
}
