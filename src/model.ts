/**
 * The nouns of the relay, each defined once, without behaviour. Ids are PostgreSQL `bigint`s as decimal strings: a
 * JavaScript number would round the large ones.
 */

/** The status of a row; `schema.sql` lists the transitions. */
export type CallbackStatus = 'pending' | 'claimed' | 'delivered' | 'dead' | 'cancelled'

/**
 * The state of a row in the snapshot of a read:
 * - `due`: pending, and its due time has come
 * - `later`: pending, and not due yet
 * - `claimed here`: claimed under this relay's own registration
 * - `claimed elsewhere`: claimed by another relay, living or dead
 */
export type RowStanding = 'due' | 'later' | 'claimed here' | 'claimed elsewhere'

/**
 * A row in the result of a read: unsettled in its snapshot, and without its form. Tips and pulls return rows `due` or
 * `claimed here`, other reads the first row of a key in any state.
 */
export interface ShownRow {
  /** Decimal text of a bigint above 0. */
  readonly id: string
  /** null: no order. */
  readonly orderingKey: string | null
  /** The column `origin`. */
  readonly origin: string
  /** Hash of the URL without its query, 32 bits. It tells apart the URLs of an origin. */
  readonly urlHash: number
  /**
   * Due time, never before `created_at`, in microseconds of Unix time; exact until the year 2255. null: never tried and
   * due at once. Such a row is in the fresh range, all others in the due range.
   */
  readonly dueUs: number | null
  readonly standing: RowStanding
  /** The column `rev`, which fences a release. */
  readonly rev: number
  /** Attempts since the row was written or last replayed. */
  readonly tried: number
  /** null: the relay's default applies. */
  readonly maxAttempts: number | null
}

/**
 * The two ranges of unsettled rows. `fresh`: never tried and due at once, ordered by id. `due`: with a due time,
 * ordered by due time and id.
 */
export type RangeName = 'fresh' | 'due'

/** A place in a range. Reads go on after it, without the entry at the place itself. */
export interface IndexPlace {
  /** null in the fresh range. */
  readonly dueUs: number | null
  readonly id: string
}

/** Identifies one attempt: the row, the number of the attempt, and the epoch of its claim. */
export interface AttemptKey {
  readonly id: string
  /** Tells the row apart from another with the same id (after a failover, or TRUNCATE ... RESTART IDENTITY). */
  readonly messageId: string
  /** Starts at 1; equals `callback.attempts` right after the claim. */
  readonly attempt: number
  readonly epoch: string
}

/** A callback leased for one attempt, with everything that the POST needs. */
export interface Claim extends AttemptKey {
  /** As set by the claim. It fences the release. */
  readonly rev: number
  readonly orderingKey: string | null
  readonly origin: string
  /** As `ShownRow`. */
  readonly urlHash: number
  readonly url: string
  /** The JSON text exactly as the producer wrote it. */
  readonly form: string
  readonly traceparent: string | null
  /** Attempts since the row was written or last replayed, this one included. */
  readonly attemptOfBudget: number
  /** null: the relay's default applies. */
  readonly maxAttempts: number | null
  /** As `ShownRow`. */
  readonly dueUs: number | null
  /** Milliseconds in which the POST may be sent: from the claim, or from when its slot came free; null: no limit. */
  readonly expiresInMs: number | null
}

/**
 * How a POST ended:
 * - `delivered`: a 2xx that meets the receiver's rule
 * - `rejected`: a permanent refusal
 * - `failed`: any other answer
 * - `not_sent`: provably no byte left
 * - `unknown`: it may have arrived (timeout, reset, relay died)
 */
export type OutcomeKind = 'delivered' | 'rejected' | 'failed' | 'not_sent' | 'unknown'

export interface Outcome {
  readonly kind: OutcomeKind
  readonly httpStatus: number | null
  /** What went wrong, for people; null when delivered. */
  readonly error: string | null
  /** The beginning of the answer's body as text; null if there was none. */
  readonly responseExcerpt: string | null
  /** The receiver's Retry-After in milliseconds; null if there was none. */
  readonly retryAfterMs: number | null
  /** `performance.now()` at start and end. */
  readonly startedAtMs: number
  readonly finishedAtMs: number
  /**
   * The relay aborted the attempt (stop, lost lease). This says nothing about the receiver. Before the first byte, it
   * uses up no attempt.
   */
  readonly isAborted?: true
  /** The request was sent, and no answer came within the deadline. */
  readonly isSilent?: true
}

/** What the end of an attempt says about its origin. */
export interface OriginSign {
  /** What the receiver counts as; `policy/answers.ts` says what follows. null: nothing is known. */
  readonly receiver: 'alive' | 'overloaded' | 'failing' | 'silent' | null
  /** The connection failed before a byte of the request left. This concerns all URLs of the origin. */
  readonly isOfConnection: boolean
  /** The rest that the receiver asked for, in milliseconds; 0: none. */
  readonly restMs: number
  /** `performance.now()` at start and end of the attempt. */
  readonly startedAtMs: number
  readonly finishedAtMs: number
}

/** What a callback becomes after an attempt. */
export type Decision =
  | { readonly status: 'delivered' }
  | { readonly status: 'pending'; readonly retryInMs: number; readonly reason: string }
  /** `holdsUrl`: the receiver said that its endpoint is gone, so its URL is held until an operator releases it. */
  | { readonly status: 'dead'; readonly reason: string; readonly holdsUrl?: true }

/** A claim to release. No byte of it can have left. */
export interface Release {
  readonly id: string
  /** As set by the claim. It fences the release. */
  readonly rev: number
}

/** An outcome to be recorded. */
export interface Attempt extends AttemptKey {
  /** As set by the claim, or as found by the heir. */
  readonly rev: number
  /**
   * The epoch under which the attempt is written: that of the claim, or that of the heir who decides about a dead
   * relay's attempt. With two epochs, what the dead relay saw can still be written beside it.
   */
  readonly writtenEpoch: string
  readonly outcome: Outcome
  readonly decision: Decision
}
