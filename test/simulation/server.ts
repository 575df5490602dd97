import pg from 'pg'
import type { Database } from './database.ts'
import type { Dice } from './dice.ts'
import type { Scenario } from './scenario.ts'
import { type Client, ModelSession } from './session.ts'
import { statements } from './statements/all.ts'
import { type Answer, type Backend, waitForLock } from './statements/statement.ts'
import type { Timeline } from './timeline.ts'

/** The result of a statement. */
export interface Reply {
  readonly rows: readonly unknown[]
  readonly error: Error | null
}

/** A statement between its arrival and its end. */
export interface Running {
  readonly isOver: boolean
  /** Cancels the statement without an effect; false: it had ended. */
  cancel(): boolean
  /** Runs the statement to its end now; cancels it if it must wait for a lock. */
  finish(): void
}

/** Statements of work that callbacks do not wait for. */
const background = [
  ...['pull', 'origins', 'orphans_fresh', 'orphans_due', 'holds_digest', 'holds', 'outages', 'bring_forward'],
  ...['expired', 'expire', 'survey', 'janitor_begin', 'janitor_batch'],
].map(name => `ringback_${name}`)

/** The database server. It runs statements concurrently, each in small steps. */
export class Server {
  readonly db: Database
  readonly timeline: Timeline
  readonly dice: Dice
  readonly sessions = new Set<ModelSession>()
  /** Whether nobody can connect. */
  isDown = false
  /** Whether some statements take seconds. */
  isSlow = false
  /** Called at each statement's end. */
  trace: ((line: string) => void) | undefined
  /** As in `Scenario`. */
  readonly late: number
  /** The probability that a statement of background work takes too long. */
  cancels: number
  readonly #slowOneIn: number
  #lastPid = 0

  constructor(
    db: Database,
    timeline: Timeline,
    dice: Dice,
    { slowOneIn, late, cancels = 0 }: Pick<Scenario, 'slowOneIn' | 'late' | 'cancels'>,
  ) {
    this.late = late
    this.cancels = cancels
    this.#slowOneIn = slowOneIn
    this.db = db
    this.timeline = timeline
    this.dice = dice
    db.endStuckClaims = epoch => this.#endStuckClaims(epoch)
  }

  /** How long a message takes from one side to the other, in milliseconds. */
  latency(): number {
    return this.dice.chance(1 / this.#slowOneIn) ? this.dice.between(5, 60) : this.dice.between(0.2, 3)
  }

  open(owner: Client, purpose: string): ModelSession {
    this.#lastPid += 1
    const session = new ModelSession(this, { owner, purpose, pid: this.#lastPid })
    this.sessions.add(session)
    return session
  }

  /** Some running statements commit before it, the others never. Sessions see a broken connection. */
  restart(): void {
    for (const session of [...this.sessions]) session.end({ finishes: this.dice.chance(0.5) })
    this.db.restart(this.dice.whole(0, 32))
  }

  run(name: string, values: readonly unknown[], backend: Backend, done: (reply: Reply) => void): Running {
    const statement = statements[name]
    if (!statement) throw new Error(`The model does not know the statement ${name}`)
    const answer = this.#takesTooLong(name) ? cancelled() : statement(this.db, values, backend)
    const running = { isOver: false }
    this.#goOn(answer, running, reply => {
      this.trace?.(`${backend.name}: ${told(name, values, reply)}`)
      done(reply)
    })
    return Object.assign(running, {
      cancel: () => {
        if (running.isOver) return false
        running.isOver = true
        answer.return([])
        return true
      },
      finish: () => {
        if (!running.isOver) this.#finish(answer, running)
      },
    })
  }

  #takesTooLong(name: string): boolean {
    return this.cancels > 0 && background.includes(name) && this.dice.chance(this.cancels)
  }

  #goOn(answer: Answer, running: { isOver: boolean }, done: (reply: Reply) => void): void {
    if (running.isOver) return
    try {
      const { done: isEnd, value } = answer.next()
      if (!isEnd) {
        const ms = value === waitForLock ? 5 : this.#pauseMs()
        this.timeline.after(ms, null, () => this.#goOn(answer, running, done))
        return
      }
      running.isOver = true
      done({ rows: value, error: null })
    } catch (error) {
      running.isOver = true
      done({ rows: [], error: error as Error })
    }
  }

  #finish(answer: Answer, running: { isOver: boolean }): void {
    running.isOver = true
    for (;;) {
      const { done, value } = answer.next()
      if (done) return
      if (value === waitForLock) {
        answer.return([])
        return
      }
    }
  }

  #pauseMs(): number {
    if (this.isSlow && this.dice.chance(0.02)) return this.dice.between(500, 5_000)
    return this.dice.chance(0.1) ? this.dice.between(1, 20) : this.dice.upTo(1)
  }

  /** pg_terminate_backend */
  #endStuckClaims(epoch: string): void {
    for (const session of [...this.sessions]) if (session.epoch === epoch) session.cut({ executes: false })
  }
}

// biome-ignore lint/correctness/useYield: it ends at once
function* cancelled(): Answer {
  const error = new pg.DatabaseError('canceling statement due to statement timeout', 1, 'error')
  throw Object.assign(error, { code: '57014' })
}

/** The beginnings of a statement's first value and of its result. */
function told(name: string, values: readonly unknown[], { rows, error }: Reply): string {
  const asked = JSON.stringify(values[0] ?? null).slice(0, 60)
  const answer = error === null ? JSON.stringify(rows) : error.message
  return `${name.replace('ringback_', '')} ${asked} -> ${answer.slice(0, 240)}`
}
