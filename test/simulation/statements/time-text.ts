/** A timestamptz as JSON shows it, to the microsecond. */
export function timeText(at: number): string {
  if (at === Infinity) return 'infinity'
  const ms = Math.floor(at)
  const micro = Math.round((at - ms) * 1_000)
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micro).padStart(3, '0')}+00:00`
}

export function timeOf(text: string): number {
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  return Date.parse(`${text.slice(0, 23)}Z`) + Number(text.slice(23, 26)) / 1_000
}
