import type { Taken } from './sample.ts'

/** One POST as the receiver saw it. It goes from the receiver's process to the demo's as a message, hence plain values. */
export interface Arrival {
  /** When its last byte was read: Unix time in milliseconds, with fractions. */
  readonly atMs: number
  readonly path: string
  /** As sent: order and repetitions included. */
  readonly fields: readonly (readonly [string, string])[]
  /** Header `webhook-id`. */
  readonly messageId: string
  /** Header `webhook-attempt`. */
  readonly attempt: number
  /** The status it was answered with; null: the answer was lost. */
  readonly answer: number | null
  /** What the receiver made of it; `unseen`: it was down, or did not know the path. */
  readonly found: Taken['found'] | 'unseen'
  /** Why it was refused or failed; else empty. */
  readonly reason: string
}

/** What the numbers stand for, by the last part of the path; see the functions for the scheduler in sql/schema.sql. */
const MEANINGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  flow: { 2: 'success', 3: 'error', 4: 'running', 5: 'killed', 7: 'auto_killed' },
  job: { 2: 'running', 3: 'success', 4: 'error' },
  plan: { 1: 'paused', 2: 'resumed' },
}

export function isAccepted({ answer }: Arrival): boolean {
  return answer !== null && answer >= 200 && answer <= 299
}

/** What is worth a line of its own below the arrival; else empty. */
export function remarkText({ found, answer, reason }: Arrival): string {
  if (reason !== '') return `${found}: ${reason}`
  if (found === 'duplicate') return 'duplicate: no second effect'
  if (found === 'stale') return 'stale: no effect'
  return answer === null ? 'has its effect, but the answer is lost' : ''
}

/** The form in words: `flowId=1 flowExecutionId=3 code=4 (running)`. */
export function formText({ path, fields }: Pick<Arrival, 'path' | 'fields'>): string {
  const meanings = MEANINGS[path.split('/').at(-1) ?? ''] ?? {}
  return fields
    .map(([name, value]) => {
      const meaning = name === 'code' || name === 'status' ? meanings[value] : undefined
      return meaning === undefined ? `${name}=${value}` : `${name}=${value} (${meaning})`
    })
    .join(' ')
}

/** Local time to the millisecond: `14:03:07.412`. */
export function clockText(atMs: number): string {
  const date = new Date(atMs)
  const two = (count: number): string => String(count).padStart(2, '0')
  const millis = String(date.getMilliseconds()).padStart(3, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`
}
