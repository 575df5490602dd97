/**
 * The nouns of the relay, each defined once. They carry no behaviour: `sequencer` and `decision` decide about them,
 * `outbox/` moves them to and from the database, `delivery/` over the wire.
 *
 * Ids are PostgreSQL `bigint`s and stay decimal strings: a JavaScript number would round the large ones.
 */

/** A row's state; `schema.sql` says which may follow which. */
export type CallbackStatus = 'pending' | 'claimed' | 'delivered' | 'dead' | 'cancelled'

/** What the relay keeps in memory of an unsettled callback; the body stays in the database until the claim. */
export interface WaitingCallback {
  readonly id: string
  /** 0..63; who owns the lane may claim the callback. */
  readonly lane: number
  readonly orderingKey: string | null
  /** scheme://host[:port], lower case; concurrency is capped for each. */
  readonly origin: string
  /** Milliseconds from now until it may start; 0 or less when it may start at once. */
  readonly dueInMs: number
  /** It came from the due index: a retry, a replay, delayed or parked. Never-tried rows go first. */
  readonly late: boolean
}

/** A lane that this relay owns. Whoever takes a lane raises its epoch, so an old epoch proves an old owner. */
export interface OwnedLane {
  readonly lane: number
  readonly epoch: string
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
  readonly lane: number
  readonly orderingKey: string | null
  readonly origin: string
  readonly url: string
  /** The JSON text exactly as the producer wrote it. */
  readonly form: string
  readonly traceparent: string | null
  /** Attempts since the row was written or last replayed, this one included. */
  readonly attemptOfBudget: number
  /** null: the relay's default. */
  readonly maxAttempts: number | null
}

/**
 * How a POST ended.
 * - `delivered`: a 2xx was seen
 * - `rejected`: the receiver said never again
 * - `failed`: answered, but not with 2xx
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

/** An outcome on its way into the database. */
export interface Attempt extends AttemptKey {
  /**
   * The epoch under which it is written down: the claim's own; or, when an heir says what became of a dead relay's attempt,
   * the heir's, so that what that relay has seen after all can still be written beside it.
   */
  readonly writtenEpoch: string
  readonly outcome: Outcome
  readonly decision: Decision
}
