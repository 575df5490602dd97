import { setTimeout as delay } from 'node:timers/promises'
import { check } from '../checker/check.ts'
import type { Act, CheckOptions, Verdict } from '../checker/history.ts'
import { type Books, readBooks } from './books.ts'
import { Cast } from './cast.ts'
import type { Figure } from './result.ts'

export interface StageCheckOptions {
  readonly mayDie?: boolean
  readonly withinMs?: number
  /** What the checker is given in the place of the books as they were read. */
  readonly revise?: (books: Books) => Books
}

export interface Checked {
  readonly books: Books
  readonly verdict: Verdict
}

/** What a scenario has at hand, and where it leaves its figures. `scenario.ts` shows how it is used. */
export class Stage extends Cast {
  readonly figures: Figure[] = []
  /** What failed the scenario. */
  readonly failures: string[] = []
  /** What operators did; a scenario that replays or cancels notes it here. */
  readonly acts: Act[] = []
  /** The body that an operator has given a callback, by its message id. */
  readonly amended = new Map<string, string>()
  verdict: Verdict | null = null
  faults = 0

  fault(count = 1): void {
    this.faults += count
  }

  figure(name: string, value: number, unit = ''): void {
    this.figures.push({ name, value, unit })
  }

  /** Fails the scenario when it does not hold. */
  bar(says: string, holds: boolean): void {
    if (!holds) this.failures.push(`not met: ${says}`)
  }

  /** A bar that only the long form can meet, or a quiet machine. */
  longBar(says: string, holds: boolean): void {
    if (!this.isShort) this.bar(says, holds)
  }

  async sleep(ms: number): Promise<void> {
    await delay(ms)
  }

  /** Seconds of load: long form, short form. */
  seconds(long: number, short: number): number {
    return this.isShort ? short : long
  }

  /** Waits until nothing is unsettled, at most so long; true when it is. What is left over is for the checker to say. */
  async drained(withinMs = 60_000): Promise<boolean> {
    const end = performance.now() + withinMs
    while (performance.now() < end) {
      const { rowCount } = await this.client.query('select from outbox.callback where settled_at is null limit 1')
      if (rowCount === 0) return true
      await delay(100)
    }
    return false
  }

  /**
   * Waits for the run to come to rest, and holds all books against one another: every violation fails the scenario, and so
   * does a dead row, unless the scenario expects them.
   */
  async check(options: CheckOptions & StageCheckOptions = {}): Promise<Checked> {
    const { mayDie = false, withinMs, revise = books => books, ...how } = options
    const startedAt = performance.now()
    const isAtRest = await this.drained(withinMs)
    const seconds = (performance.now() - startedAt) / 1_000
    this.figure('drained in', seconds, 's')
    if (!isAtRest)
      this.failures.push(
        `not at rest after ${seconds.toFixed(0)} s: relays still wrote, so an arrival may have no record yet`,
      )
    const books = revise(await readBooks(this.folder, this.client, this))
    const verdict = check(books, { drained: true, ...how })
    this.verdict = verdict
    for (const { kind, id, messageId, detail } of verdict.violations.slice(0, 10)) {
      this.failures.push(`${kind}: callback ${id ?? '?'} (${messageId}) ${detail}`)
    }
    if (verdict.violations.length > 10) this.failures.push(`and ${verdict.violations.length - 10} violations more`)
    const dead = books.callbacks.filter(({ status }) => status === 'dead')
    if (!mayDie && dead.length > 0)
      this.failures.push(`${dead.length} dead, such as ${dead[0]?.id}: ${dead[0]?.lastError}`)
    this.bar('something was committed and arrived', verdict.committed > 0 && verdict.arrivals > 0)
    return { books, verdict }
  }

  /** Ends all that was started. A relay that does not leave in order fails the scenario. */
  async end(): Promise<void> {
    this.failures.push(...(await this.strike()))
  }
}
