/** A timestamptz as PostgreSQL's JSON shows it: to the microsecond, without zeros at the end. */
export function timeText(at: number): string {
  if (at === Infinity) return 'infinity'
  const ms = Math.floor(at)
  const micros = String(Math.round((at - ms) * 1_000)).padStart(3, '0')
  const text = `${new Date(ms).toISOString().slice(0, -1)}${micros}`
  return `${text.replace(/\.?0+$/, '')}+00:00`
}

export function timeOf(text: string): number {
  if (text === 'infinity') return Infinity
  if (text === '-infinity') return -Infinity
  const [seconds = '', fraction = ''] = text.replace('+00:00', '').split('.')
  return Date.parse(`${seconds}Z`) + Number(fraction.padEnd(6, '0')) / 1_000
}
