/** Results as text for whoever waits, and as a Markdown table for docs/understand/promise.md. */
import { violationKinds } from '../checker/history.ts'
import type { Figure, Result } from './result.ts'

/** What a scenario has come to, with how to run it again. */
export function paragraph(result: Result): string {
  const { number, title, seed, outcome, reasons, seconds, figures, folder } = result
  const lines = [
    `${number} ${title}: ${outcome.toUpperCase()}${outcome === 'skipped' ? `, ${reasons.join(', ')}` : ` in ${seconds.toFixed(0)} s`}`,
    ...(outcome === 'skipped' ? [] : [counts(result), duplicates(result), figures.map(figure).join(', ')]),
    ...(outcome === 'failed' ? reasons : []),
    ...(folder === null ? [] : [`logs and journals are kept in ${folder}`]),
    ...(outcome === 'skipped'
      ? []
      : [`again: make faults SCENARIO=${number} SEED=${seed}${result.isShort ? ' SHORT=1' : ''}`]),
  ]
  return lines.filter(line => line !== '').join('\n    ')
}

function counts({ verdict, faults }: Result): string {
  if (verdict === null) return ''
  const { committed, arrivals, undecided } = verdict
  const kinds = violationKinds.map(kind => `${kind} ${whole(verdict.counts[kind])}`).join('  ')
  const open = undecided > 0 ? `, order of ${whole(undecided)} not judged` : ''
  return `${whole(faults)} faults, ${whole(committed)} committed, ${whole(arrivals)} arrived${open}\n    ${kinds}`
}

function duplicates(result: Result): string {
  const { verdict, faults } = result
  if (verdict === null) return ''
  const perFault = faults === 0 ? '' : `, ${short(verdict.duplicates / faults)} a fault`
  return `duplicates ${whole(verdict.duplicates)}: ${short(perMillion(verdict))} a million${perFault}`
}

function perMillion({ duplicates, committed }: NonNullable<Result['verdict']>): number {
  return (duplicates * 1e6) / committed
}

function figure({ name, value, unit }: Figure): string {
  return `${name} ${short(value)}${unit === '' ? '' : ` ${unit}`}`
}

/** A row for each scenario. How long it took to drain says little beside the other figures, and is left out. */
export function table(results: readonly Result[]): string {
  const head = ['#', 'scenario', 'faults', 'committed', 'violations', 'duplicates a million', 'a fault', 'figures', '']
  const rows = results.map(row)
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(head),
    line(['---:', '---', '---:', '---:', '---:', '---:', '---:', '---', '---']),
    ...rows.map(line),
  ].join('\n')
}

function row(result: Result): string[] {
  const { number, title, outcome, reasons, faults, verdict, figures } = result
  const start = [String(number), title]
  if (verdict === null)
    return [...start, '', '', '', '', '', '', outcome === 'skipped' ? `skipped: ${reasons.join(', ')}` : outcome]
  const violations = violationKinds.reduce((sum, kind) => sum + verdict.counts[kind], 0)
  const perFault = faults === 0 ? '' : short(verdict.duplicates / faults)
  const numbers = [whole(faults), whole(verdict.committed), whole(violations), short(perMillion(verdict)), perFault]
  const telling = figures.filter(({ name }) => name !== 'drained in')
  const how = outcome === 'failed' ? `failed: ${reasons.join(', ')}` : outcome
  return [...start, ...numbers, telling.map(figure).join(', '), how]
}

/** The last line. */
export function summary(results: readonly Result[]): string {
  const count = (outcome: Result['outcome']) => results.filter(result => result.outcome === outcome).length
  return `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`
}

function whole(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 0 })
}

/** Three digits, or all that stand before the point. */
function short(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) })
}
