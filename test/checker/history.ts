/**
 * What the checker needs to judge a run: what producers committed (their *book*), what receivers saw, and the
 * database's rows. Each of the three has its own clock. Times of different clocks are never compared. All are in
 * milliseconds.
 */
import type { CallbackStatus, OutcomeKind } from '../../src/model.ts'

/** One callback, from its producer's book. */
export interface Written {
  readonly messageId: string
  /** `callback.id`; null: the producer did not read it. */
  readonly id: string | null
  readonly key: string | null
  /** Before the INSERT was sent, by the producers' clock. */
  readonly insertingAt: number
  /**
   * After COMMIT was confirmed. null: rolled back. `'unknown'`: the connection broke, so it may be committed or not.
   */
  readonly committedAt: number | 'unknown' | null
  /** The bodies that may be sent: as written, and as amended. null: not known, and not judged. */
  readonly bodies: readonly string[] | null
}

/** A replay or cancel that an operator has committed. */
export interface Act {
  readonly messageId: string
  readonly act: 'replay' | 'cancel'
  /** `callback.attempts` at that time: attempts with higher numbers came after it. */
  readonly attempts: number
}

/** One request at a receiver, noted before its answer. */
export interface Arrival {
  readonly messageId: string
  readonly attempt: number
  /** null: not noted. */
  readonly body: string | null
  /** When the last byte of the request was read, by the receivers' clock. */
  readonly at: number
  /** The status of the coming answer. null: no answer (it hung, was reset or cut off). Absent: not noted. */
  readonly answered?: number | null
}

/** A row of `outbox.callback` at the end of the run, or at its deletion. */
export interface CallbackRow {
  readonly id: string
  readonly messageId: string
  readonly key: string | null
  /** Absent: null or not known. */
  readonly supersedeKey?: string | null
  readonly status: CallbackStatus
  readonly attempts: number
  /** The number of attempts at the last replay; 0: never replayed. */
  readonly budgetFrom: number
  /** Why the row is dead, or which row has superseded it. */
  readonly lastError: string | null
  readonly createdAt: number
  readonly claimedAt: number | null
  readonly settledAt: number | null
  /** null: at once. Infinity: parked. */
  readonly dueAt: number | null
  /** The body of the row's present form, which the last attempt must have sent. null or absent: not known. */
  readonly body?: string | null
  /** When the row was deleted, by the database's clock. Absent: not deleted. */
  readonly deletedAt?: number
}

/** A row of `outbox.attempt`, also of a deleted callback. */
export interface AttemptRow {
  readonly messageId: string
  readonly attempt: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: OutcomeKind
  readonly httpStatus: number | null
}

export interface History {
  /** null: producers kept no book, and the rows of the table replace it. */
  readonly written: readonly Written[] | null
  readonly acts: readonly Act[]
  readonly arrivals: readonly Arrival[]
  readonly callbacks: readonly CallbackRow[]
  readonly attempts: readonly AttemptRow[]
}

/** One broken promise. */
export interface Violation {
  readonly kind: ViolationKind
  readonly messageId: string
  readonly id: string | null
  /** For a person: what was seen. */
  readonly detail: string
}

/**
 * - `lost`: committed, and not settled when the run had drained, or dead without a reason; or deleted too early, or
 *   superseded by a wrong row
 * - `phantom`: arrived, though never committed or cancelled before
 * - `inversion`: its first attempt started before an earlier row of its key was settled
 * - `unexplained`: arrived again without a replay, though the attempt before is recorded as delivered
 * - `unrecorded`: arrived or claimed without a recorded attempt
 * - `misrecorded`: the record contradicts what the receiver saw
 * - `altered`: the body is not the written one
 * - `stuck`: claimed longer than lease and deadline, or due and untouched
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
  /** The run has drained: a row that is not settled is lost. Default false. */
  readonly drained?: boolean
  /**
   * Arrivals are complete: each delivered attempt must have one. Default true; false for a partial log of a receiver.
   */
  readonly allArrivals?: boolean
  /** The database's clock stopped or jumped: its times are not judged. Default false. */
  readonly ignoreDatabaseTimes?: boolean
  /** When the rows were read, by the database's clock. Default: the newest time in the rows. */
  readonly readAt?: number
  /** How old a claim may be, in milliseconds. Default 90,000: more than the default lease and deadline. */
  readonly claimLimitMs?: number
  /** How long the first row of a key may be due, in milliseconds. Default 600,000. */
  readonly dueLimitMs?: number
  /** How long delivered rows are kept after they are settled, in milliseconds. Default: for ever. */
  readonly keptMs?: number
  /** As `keptMs`, for dead and cancelled rows. */
  readonly keptDeadMs?: number
  /**
   * false: delivered rows are deleted as they are recorded (`--keep-delivered 0`). The receivers' log then replaces the
   * record: a deleted row must have been answered with 2xx. Default true.
   */
  readonly keepsDelivered?: boolean
}

export interface Verdict {
  readonly violations: readonly Violation[]
  /** How many of each kind. */
  readonly counts: Readonly<Record<ViolationKind, number>>
  readonly committed: number
  readonly arrivals: number
  /**
   * Arrivals of callbacks that a receiver had taken before, without replays. Allowed, unless they are `unexplained`.
   */
  readonly duplicates: number
  /** Rows with a key whose order the history does not show: there is no producers' book, or they were replayed. */
  readonly undecided: number
}
