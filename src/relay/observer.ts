import type { Claim, Decision, Outcome } from '../model.ts'
import type { Survey } from '../outbox/survey.ts'

/**
 * Observes the relay's work, for metrics. Its methods are called on the hot path: they must be short and must not
 * throw.
 */
export interface Observer {
  attempted(claim: Claim, outcome: Outcome, decision: Decision): void
  /** So many callbacks have expired. */
  expired(callbacks: number): void
  /** The database has answered a statement. */
  answered(statement: string, ms: number): void
  surveyed(survey: Survey): void
}

/** The state of a relay at this moment. */
export interface RelayState {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** Outcomes that are not committed. */
  readonly unrecorded: number
  /** Callbacks in memory. */
  readonly memoryRows: number
  /** Origins that have callbacks, in memory or known to be in the table. */
  readonly origins: number
  readonly failingOrigins: number
  /** Origins whose breaker is open, or that sent a Retry-After. */
  readonly restingOrigins: number
  /** URLs that fail or hang while others of their origin do not. Their callbacks wait apart. */
  readonly apartUrls: number
  /** URLs whose own breaker is open, or that sent a Retry-After. */
  readonly restingUrls: number
  readonly connections: { readonly open: number; readonly idle: number }
  readonly isConnected: boolean
  /** Whether the relay has a registration and holds its lease. */
  readonly isRegistered: boolean
  readonly isStopping: boolean
  readonly leaseRemainingMs: number
  /** Why the relay stands by; null: it does not. */
  readonly standby: string | null
}
