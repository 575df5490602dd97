/**
 * What a checker needs to know to judge a run: what producers committed, what receivers saw, what the database says.
 *
 * There are three clocks, and times of one are never compared with those of another: the producers', the receivers', the
 * database's. All in milliseconds; each producer's by the same clock (on one machine CLOCK_MONOTONIC), receivers' likewise.
 */
import type { CallbackStatus, OutcomeKind } from '../../src/model.ts'

/** One callback as its producer wrote it. */
export interface Written {
  readonly messageId: string
  /** `callback.id`, or null where the producer did not ask for it. */
  readonly id: string | null
  readonly key: string | null
  /** Before the INSERT was sent; producers' clock. */
  readonly insertingAt: number
  /** After COMMIT was confirmed; null: rolled back; `'unknown'`: the connection broke, so either may be true. */
  readonly committedAt: number | 'unknown' | null
  /** The form bodies that may be sent: as written, and as amended. Null: not known, bodies are not judged. */
  readonly bodies: readonly string[] | null
}

/** A callback's replay or cancel that an operator has committed. */
export interface Act {
  readonly messageId: string
  readonly act: 'replay' | 'cancel'
  /** `callback.attempts` at that time: attempts with higher numbers came after it. */
  readonly attempts: number
}

/** One request at a receiver, noted before it was answered. */
export interface Arrival {
  readonly messageId: string
  readonly attempt: number
  /** Null: not noted. */
  readonly body: string | null
  /** Receivers' clock, when the last byte of the request was read. */
  readonly at: number
  /** The status that it was about to be answered with; null: none (hung, reset, cut off); not there: not noted. */
  readonly answered?: number | null
}

/** A row of `outbox.callback` at the end, or as it was when it was deleted. */
export interface CallbackRow {
  readonly id: string
  readonly messageId: string
  readonly key: string | null
  /** Not there: null, or not known. */
  readonly supersedeKey?: string | null
  readonly status: CallbackStatus
  readonly attempts: number
  /** Attempts at the last replay; 0: it was not replayed. */
  readonly budgetFrom: number
  /** The reason of a dead row, and of one that a newer one has superseded. */
  readonly lastError: string | null
  readonly createdAt: number
  readonly claimedAt: number | null
  readonly settledAt: number | null
  /** Null: at once; Infinity: parked. */
  readonly dueAt: number | null
  /** What the form of the row makes now, as the last attempt must have sent it; null or not there: not known. */
  readonly body?: string | null
  /** When it was deleted, by the database's clock; not there: it was not. */
  readonly deletedAt?: number
}

/** A row of `outbox.attempt`; of a deleted callback, too. */
export interface AttemptRow {
  readonly messageId: string
  readonly attempt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
}

export interface History {
  /** Null: producers kept no book; the rows of the table stand for it then. */
  readonly written: readonly Written[] | null
  readonly acts: readonly Act[]
  readonly arrivals: readonly Arrival[]
  readonly callbacks: readonly CallbackRow[]
  readonly attempts: readonly AttemptRow[]
}

/** One thing that is wrong, with the rows that show it. */
export interface Violation {
  readonly kind: ViolationKind
  readonly messageId: string
  readonly id: string | null
  /** For a person: what was seen and what should have been. */
  readonly detail: string
}

/**
 * - `lost`: committed, and not delivered, dead with a reason or cancelled when all had drained; or deleted before its time
 * - `phantom`: arrived, though never committed, or cancelled before
 * - `inversion`: a first attempt started before an earlier row of its key was settled
 * - `unexplained`: arrived again though the attempt before is on record as delivered, without a replay
 * - `unrecorded`: arrived without an attempt on record
 * - `misrecorded`: the record says something else than the receiver did
 * - `altered`: the body is not what was written
 * - `stuck`: claimed beyond lease and deadline, or due and untouched
 */
export const violationKinds = [
  'lost',
  'phantom',
  'inversion',
  'unexplained',
  'unrecorded',
  'misrecorded',
  'altered',
  'stuck',
] as const
export type ViolationKind = (typeof violationKinds)[number]

export interface CheckOptions {
  /** The run has come to rest: what is not settled is lost. Default false. */
  readonly drained?: boolean
  /** Arrivals are complete: each delivered attempt must have one. Default true; false where a receiver's log is partial. */
  readonly allArrivals?: boolean
  /** The database's clock stood still or jumped: what it says of times is not judged. Default false. */
  readonly ignoreDatabaseTimes?: boolean
  /** The database's time at which the rows were read; default: the newest time in the rows. */
  readonly readAt?: number
  /** A claim may be this old, in milliseconds. Default 90,000: the default lease and deadline with room to spare. */
  readonly claimLimitMs?: number
  /** The first row of a key may be due this long, in milliseconds. Default 600,000. */
  readonly dueLimitMs?: number
  /** Delivered rows may be deleted when they were settled so long ago, in milliseconds. Default: never. */
  readonly keptMs?: number
  /** The same of the dead and the cancelled. */
  readonly keptDeadMs?: number
  /**
   * false: delivered rows are deleted as they are recorded (`--keep-delivered 0`), and no book is kept of them. The receivers'
   * log stands for the record then: a row that is gone must have been answered with 2xx. Default true.
   */
  readonly keepsDelivered?: boolean
}

export interface Verdict {
  readonly violations: readonly Violation[]
  /** How many of each kind. */
  readonly counts: Readonly<Record<ViolationKind, number>>
  readonly committed: number
  readonly arrivals: number
  /** Arrivals of what a receiver had taken already, replays not counted. Explained, unless `unexplained` says otherwise. */
  readonly duplicates: number
  /** Pairs of one key whose order the history does not tell (no producers' book, or replayed since). */
  readonly undecided: number
}
