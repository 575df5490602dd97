/**
 * The nouns of the relay, each defined once. They carry no behaviour: `backlog` and `decision` decide about them,
 * `outbox/` moves them to and from the database, `delivery/` over the wire.
 *
 * Ids are PostgreSQL `bigint`s and stay decimal strings: a JavaScript number would round the large ones.
 */

/** A row's state; `schema.sql` says which may follow which. */
export type CallbackStatus = 'pending' | 'claimed' | 'delivered' | 'dead' | 'cancelled'

/**
 * How a row stands in the snapshot of a read:
 * - `due`: pending, and may start as far as its due time goes
 * - `later`: pending, and not due yet
 * - `claimed here`: claimed under this relay's own registration
 * - `claimed elsewhere`: claimed by another relay, living or dead
 */
export type RowStanding = 'due' | 'later' | 'claimed here' | 'claimed elsewhere'

/**
 * A row that a read shows: not settled in the snapshot of that read. The body stays in the database until the claim. Tips and
 * pulls show `due` rows and those `claimed here`; answers to a key question, looks and records name the first row of a key
 * however it stands.
 */
export interface ShownRow {
  /** Decimal text of a bigint above 0. */
  readonly id: string
  /** null: it has no order. */
  readonly orderingKey: string | null
  /** The column `origin`. */
  readonly origin: string
  /** Tells the URLs of an origin apart, without their query: 32 bits. */
  readonly urlHash: number
  /**
   * Due time (never before `created_at`) in microseconds of Unix time, exact until the year 2255. null: never tried and due
   * at once; such a row stands in the fresh range, all others in the due range.
   */
  readonly dueUs: number | null
  readonly standing: RowStanding
  /** The column `rev`, by which a release is fenced. */
  readonly rev: number
  /** Attempts since the row was written or last replayed. */
  readonly tried: number
  /** null: the relay's default. */
  readonly maxAttempts: number | null
}

/** The two ranges in which unsettled rows stand: those never tried, by id; those with a due time, by it and then by id. */
export type RangeName = 'fresh' | 'due'

/** A place in a range. Reads go on behind it: the entry at the place itself is not read. */
export interface IndexPlace {
  /** null in the fresh range. */
  readonly dueUs: number | null
  readonly id: string
}

/** One attempt's name: the row, its number, and the epoch under which it was claimed. */
export interface AttemptKey {
  readonly id: string
  /** Tells the row from another that was given the same id (a failover, TRUNCATE ... RESTART IDENTITY). */
  readonly messageId: string
  /** 1-based; equals `callback.attempts` right after the claim. */
  readonly attempt: number
  readonly epoch: string
}

/** A callback leased for one attempt, with all that the POST needs. */
export interface Claim extends AttemptKey {
  /** As the claim has made it: a release is for this claim alone. */
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
  /** null: the relay's default. */
  readonly maxAttempts: number | null
  /** As `ShownRow`. */
  readonly dueUs: number | null
  /** Milliseconds from the claim during which the attempt may start; null: for ever. */
  readonly expiresInMs: number | null
}

/**
 * How a POST ended.
 * - `delivered`: a 2xx was seen, and what the receiver's rule asks of it
 * - `rejected`: the receiver said never again
 * - `failed`: answered, but not with that
 * - `not_sent`: provably no byte left
 * - `unknown`: it may have arrived (timeout, reset, relay died)
 */
export type OutcomeKind = 'delivered' | 'rejected' | 'failed' | 'not_sent' | 'unknown'

export interface Outcome {
  readonly kind: OutcomeKind
  readonly httpStatus: number | null
  /** What went wrong, for a person; null when delivered. */
  readonly error: string | null
  /** The beginning of the answer's body as text; null when there was none. */
  readonly responseExcerpt: string | null
  /** Milliseconds the receiver asked us to wait (Retry-After); null when it did not. */
  readonly retryAfterMs: number | null
  /** `performance.now()` at start and end. */
  readonly startedAtMs: number
  readonly finishedAtMs: number
  /** The relay gave it up (stop, lost lease): it says nothing about the receiver, and before its first byte uses up no attempt. */
  readonly isAborted?: true
  /** The request had been sent, and no answer came within the deadline. */
  readonly isSilent?: true
}

/** What the end of an attempt says about its origin. */
export interface OriginSign {
  /** What the receiver is by that; `policy/answers.ts` says what is done then. null: nothing is known. */
  readonly receiver: 'alive' | 'overloaded' | 'failing' | 'silent' | null
  /** The connection said so, before a byte of the request had left: it goes for all URLs of the origin. */
  readonly isOfConnection: boolean
  /** It asked for a rest of so many milliseconds; 0: it did not. */
  readonly restMs: number
  /** `performance.now()` at start and end of the attempt. */
  readonly startedAtMs: number
  readonly finishedAtMs: number
}

/** What a callback becomes after an attempt. */
export type Decision =
  | { readonly status: 'delivered' }
  | { readonly status: 'pending'; readonly retryInMs: number; readonly reason: string }
  /** `holdsUrl`: the receiver said that its endpoint is gone, so nothing more goes to the url until an operator lets it. */
  | { readonly status: 'dead'; readonly reason: string; readonly holdsUrl?: true }

/** A claim to give back: no byte of it can have left. */
export interface Release {
  readonly id: string
  /** As the claim has made it: the release is for this claim alone. */
  readonly rev: number
}

/** An outcome on its way into the database. */
export interface Attempt extends AttemptKey {
  /** As the claim has made it, or as the heir has found it. */
  readonly rev: number
  /**
   * The epoch under which it is written down: the claim's own; or, when an heir says what became of a dead relay's attempt,
   * the heir's, so that what that relay has seen after all can still be written beside it.
   */
  readonly writtenEpoch: string
  readonly outcome: Outcome
  readonly decision: Decision
}
