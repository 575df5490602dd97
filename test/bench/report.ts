/** Results as Markdown. `node test/bench/report.ts [file]` prints those of results.jsonl. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Spread, spread } from '../fixtures/statistics.ts'
import { type Bar, bars, type Figure } from './bars.ts'
import { type Header, type Measurement, parseResults, type Results } from './results.ts'

/** A section for each part: where it was measured, the figures (median, and smallest–largest), the bars and whether they are met. */
export function report({ headers, measurements }: Results, limits: readonly Bar[] = bars): string {
  return headers
    .map(header => {
      const own = measurements.filter(({ part }) => part === header.part)
      const judged = limits.filter(({ part }) => part === header.part).map(bar => verdict(bar, own))
      const tables = [figures(own), judged.length === 0 ? '' : verdicts(judged)].filter(table => table !== '')
      return [`### ${header.part}`, place(header, own), ...tables].join('\n\n')
    })
    .map(section => `${section}\n\n`)
    .join('')
}

function place({ cpu, cores, postgresql, node, date, scale }: Header, own: readonly Measurement[]): string {
  const rounds = Math.max(0, ...own.map(({ round }) => round))
  const size = scale === 1 ? '' : `, scale ${scale}`
  return `${date}, ${cpu}, ${cores} cores, PostgreSQL ${postgresql}, Node ${node}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${size}.`
}

function figures(own: readonly Measurement[]): string {
  const names = [...new Set(own.map(({ figure, unit }) => JSON.stringify([figure, unit])))]
  const columns = names.map(name => JSON.parse(name) as [string, string])
  const contestants = [...new Set(own.map(({ contestant }) => contestant))]
  const rows = contestants.map(contestant => [
    contestant,
    ...columns.map(([figure]) => cell(valuesOf({ contestant, figure }, own))),
  ])
  return table(['', ...columns.map(([figure, unit]) => `${figure}, ${unit}`)], rows)
}

interface Verdict {
  readonly bar: Bar
  /** Null: not measured. */
  readonly measured: Spread | null
  readonly met: boolean
}

function verdict(bar: Bar, own: readonly Measurement[]): Verdict {
  const values = bar.over === undefined ? [...valuesOf(bar.of, own).values()] : ratios(bar.of, bar.over, own)
  const measured = values.length === 0 ? null : spread(values)
  const { atLeast = -Infinity, atMost = Infinity } = bar
  return { bar, measured, met: measured !== null && measured.median >= atLeast && measured.median <= atMost }
}

/** Of the rounds that have both. */
function ratios(of: Figure, over: Figure, own: readonly Measurement[]): number[] {
  const below = valuesOf(over, own)
  return [...valuesOf(of, own)].flatMap(([round, value]) => {
    const other = below.get(round)
    return other === undefined ? [] : [value / other]
  })
}

function verdicts(judged: readonly Verdict[]): string {
  const rows = judged.map(({ bar, measured, met }) => [
    bar.says,
    bar.atLeast === undefined ? `at most ${number(bar.atMost ?? 0)}` : `at least ${number(bar.atLeast)}`,
    measured === null ? 'not measured' : range(measured),
    met ? 'yes' : 'no',
  ])
  return table(['bar', 'wanted', 'measured', 'met'], rows)
}

function valuesOf({ contestant, figure }: Figure, own: readonly Measurement[]): Map<number, number> {
  const found = own.filter(one => one.contestant === contestant && one.figure === figure)
  return new Map(found.map(({ round, value }) => [round, value]))
}

function cell(values: ReadonlyMap<number, number>): string {
  return values.size === 0 ? '' : range(spread([...values.values()]))
}

function range({ median, min, max }: Spread): string {
  return min === max ? number(median) : `${number(median)} (${number(min)}–${number(max)})`
}

/** Three digits, or all that stand before the point. */
function number(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) })
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, at) => (at === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = process.argv[2] ?? fileURLToPath(new URL('results.jsonl', import.meta.url))
  process.stdout.write(report(parseResults(readFileSync(file, 'utf8'))))
}
