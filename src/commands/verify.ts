import type { VerifyConfig } from '../config.ts'
import { encodeForm } from '../delivery/form.ts'
import { UsageError } from '../errors.ts'
import { printable } from '../printable.ts'
import { readBooks } from '../verify/books.ts'
import { check } from '../verify/check.ts'
import { type History, type Verdict, type Violation, violationKinds } from '../verify/history.ts'

/** Violations of a kind that are shown to people; --json has all. */
const shown = 20

/** `ringback verify`: holds exports of the tables against what a receiver saw. Exit code 1 when a promise was broken. */
export async function verify(config: VerifyConfig): Promise<number> {
  const history = await readBooks(booksOf(config), bodyOf)
  const verdict = check(history, { drained: config.drained, allArrivals: !config.partial })
  process.stdout.write(config.json ? `${JSON.stringify(verdict)}\n` : forPeople(history, verdict))
  return verdict.violations.length === 0 ? 0 : 1
}

function booksOf(config: VerifyConfig) {
  const { callbacksFile: callbacks, attemptsFile: attempts, arrivalsFile: arrivals, writtenFile: written } = config
  if (callbacks !== null && attempts !== null && arrivals !== null) return { callbacks, attempts, arrivals, written }
  const missing = Object.entries({ callbacks, attempts, arrivals }).filter(([, file]) => file === null)
  const faults = missing.map(([name]) => `--${name}: expected the path of a file; got nothing`)
  throw new UsageError('ringback verify', faults, 'ringback verify --help')
}

/** Null for a form that cannot be sent: nothing can be said of its body then. */
function bodyOf(form: string): string | null {
  try {
    return encodeForm(form)
  } catch {
    return null
  }
}

function forPeople(history: History, verdict: Verdict): string {
  const { counts, duplicates, undecided, violations } = verdict
  const number = (n: number): string => n.toLocaleString('en')
  const lines = [
    `${number(history.callbacks.length)} callbacks, ${number(history.attempts.length)} attempts, ${number(verdict.arrivals)} arrivals`,
    violationKinds.map(kind => `${kind} ${number(counts[kind])}`).join('  '),
    `${number(duplicates)} arrived again after they had been taken${explained(verdict)}`,
    ...(undecided > 0
      ? [`order not judged of ${number(undecided)}: when they were committed or settled is not known`]
      : []),
    ...violationKinds.flatMap(kind => some(violations.filter(each => each.kind === kind))),
    violations.length === 0 ? 'every promise was kept' : `${number(violations.length)} promises broken`,
  ]
  return `${lines.join('\n')}\n`
}

function explained({ duplicates, counts }: Verdict): string {
  if (duplicates === 0) return ''
  return counts.unexplained === 0 ? ', each explained' : `, ${counts.unexplained} of them unexplained`
}

function some(violations: readonly Violation[]): string[] {
  const lines = violations.slice(0, shown).map(({ kind, id, messageId, detail }) => {
    return printable(`${kind}: callback ${id ?? '?'} (${messageId}) ${detail}`)
  })
  return violations.length > shown
    ? [...lines, `and ${violations.length - shown} more like these; --json has all`]
    : lines
}
