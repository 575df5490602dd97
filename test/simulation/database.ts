import type { CallbackStatus, OutcomeKind } from '../../src/model.ts'
import { epochMs } from './clocks.ts'
import type { Flaws } from './flaws.ts'
import { Locks } from './locks.ts'
import type { Timeline } from './timeline.ts'

/** A committed row of `outbox.callback`; times in milliseconds since 1970, Infinity for parked. */
export interface Row {
  readonly id: number
  readonly messageId: string
  readonly key: string | null
  readonly lane: number
  readonly maxAttempts: number | null
  readonly createdAt: number
  url: string
  origin: string
  form: string
  expiresAt: number | null
  status: CallbackStatus
  attempts: number
  budgetFrom: number
  dueAt: number | null
  claimedAt: number | null
  claimedEpoch: number | null
  settledAt: number | null
  lastError: string | null
  /** The open transaction that has locked it. */
  lockedBy: object | null
}

export interface AttemptRecord {
  readonly callbackId: number
  readonly messageId: string
  readonly attempt: number
  readonly epoch: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
}

export interface Lane {
  epoch: number
  owner: string | null
  /** Statements that hold it FOR KEY SHARE. */
  readonly sharedBy: Set<object>
}

export interface RelayRecord {
  readonly incarnation: string
  readonly leaseMs: number
  readonly pid: number
  readonly kernel: string
  /** Whether that process is there still. */
  readonly isAlive: () => boolean
  renewals: number
}

/** What has been committed, and who has locked what. Open transactions keep what they have written to themselves. */
export class Database {
  readonly rows = new Map<number, Row>()
  readonly attempts = new Map<string, AttemptRecord>()
  readonly lanes: Lane[] = Array.from({ length: 64 }, () => ({ epoch: 0, owner: null, sharedBy: new Set<object>() }))
  readonly relays = new Map<string, RelayRecord>()
  readonly holds = new Set<string>()
  readonly locks = new Locks()
  readonly flaws: Flaws
  /** All relays run on one machine, so that each can know that another's process has ended. */
  readonly isOneMachine: boolean
  /** For a flaw: the youngest fresh row that was read, and the rows that were committed too late for it. */
  readUpTo = 0
  readonly lost = new Set<number>()
  /** Tells the relays; `from` is the session's process id, null for another's. */
  notify: (from: number | null) => void = () => {}
  /** Ends claims that have been in their transaction for two seconds. */
  endStuckClaims: () => void = () => {}
  readonly #timeline: Timeline
  #lastId = 0
  #lastIncarnation = 0

  constructor(timeline: Timeline, { flaws, isOneMachine }: { readonly flaws: Flaws; readonly isOneMachine: boolean }) {
    this.#timeline = timeline
    this.flaws = flaws
    this.isOneMachine = isOneMachine
  }

  /** clock_timestamp(), to the microsecond. */
  get now(): number {
    return epochMs + Math.round(this.#timeline.now * 1_000) / 1_000
  }

  /** Drawn at INSERT, by transactions that may commit in another order or never. */
  nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }

  nextIncarnation(): string {
    this.#lastIncarnation += 1
    return `incarnation ${this.#lastIncarnation}`
  }

  commit(row: Row): void {
    this.rows.set(row.id, row)
    if (this.flaws.losesLateCommits && row.id < this.readUpTo) this.lost.add(row.id)
  }

  /** Unsettled rows by id. */
  get unsettled(): Row[] {
    return [...this.rows.values()].filter(({ settledAt }) => settledAt === null).sort((a, b) => a.id - b.id)
  }

  get hasUnsettled(): boolean {
    for (const { settledAt } of this.rows.values()) if (settledAt === null) return true
    return false
  }

  isHeld(row: Row): boolean {
    for (const prefix of this.holds) if (row.url.startsWith(prefix)) return true
    return false
  }

  /** The first unsettled row of its key before it. */
  blockerOf({ id, key }: Row): Row | undefined {
    let first: Row | undefined
    if (key === null) return undefined
    for (const row of this.rows.values())
      if (row.key === key && row.id < id && row.settledAt === null && row.id < (first?.id ?? Infinity)) first = row
    return first
  }
}
