import type { Session, Statement } from '../../outbox/session.ts'

/** What one check found. */
export interface Finding {
  /** `fault`: stops or endangers delivery. `warning`: costs time or space, or may become a fault. */
  readonly severity: 'warning' | 'fault'
  readonly found: string
  readonly meaning: string
  readonly remedy: string
}

/** How much time checks may take. */
export interface Patience {
  /** How long the check `stalled` watches due callbacks, in milliseconds. */
  readonly watchMs: number
}

/** One question to the database, and what its answer means. */
export interface Check<Facts> extends Examination {
  /** Reads the facts, in a read-only transaction with `search_path` and timeouts set. */
  readonly read: (session: Session, patience: Patience) => Promise<Facts>
  /** Judges them without I/O, so that a test can invent facts. null: nothing to say. */
  readonly judge: (facts: Facts) => Finding | null
}

/** A check for `diagnose`, without the type of its facts. */
export interface Examination {
  /** For programs; stable. */
  readonly name: string
  /** Reads, and judges. */
  readonly examine: (session: Session, patience: Patience) => Promise<Finding | null>
}

export function check<Facts>(parts: Omit<Check<Facts>, 'examine'>): Check<Facts> {
  return { ...parts, examine: async (session, patience) => parts.judge(await parts.read(session, patience)) }
}

export function warning(found: string, meaning: string, remedy: string): Finding {
  return { severity: 'warning', found, meaning, remedy }
}

export function fault(found: string, meaning: string, remedy: string): Finding {
  return { severity: 'fault', found, meaning, remedy }
}

/** A duration for people, in the largest unit that leaves a whole number of at least two. */
export function spell(seconds: number): string {
  const units: [string, number][] = [
    ['days', 86_400],
    ['h', 3_600],
    ['min', 60],
  ]
  const [unit, length] = units.find(([, each]) => seconds >= 2 * each) ?? ['s', 1]
  return `${Math.floor(seconds / length)} ${unit}`
}

/** The first five, and how many more there are. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}

/** The only row of a statement that returns just one. */
export async function rowOf<Row>(session: Session, name: string, text: Statement['text']): Promise<Row> {
  const [row] = await session.rows<Row>({ name, text })
  if (!row) throw new Error(`the statement ${name} must return a row`)
  return row
}
