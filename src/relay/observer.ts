import type { Claim, Decision, Outcome } from '../model.ts'
import type { Survey } from '../outbox/survey.ts'

/** Is told what a relay does, for metrics. Called on the busy path: each call must be short, and must not throw. */
export interface Observer {
  attempted(claim: Claim, outcome: Outcome, decision: Decision): void
  /** So many callbacks are dead without an attempt of now. */
  expired(callbacks: number): void
  /** An answer of the database. */
  answered(statement: string, ms: number): void
  surveyed(survey: Survey): void
}

/** How a relay stands at this moment. */
export interface RelayState {
  /** POSTs on the wire. */
  readonly inFlight: number
  /** Outcomes that are not committed. */
  readonly unrecorded: number
  /** Callbacks in memory. */
  readonly memoryRows: number
  /** Origins with callbacks in memory, or of which some are known to be in the table. */
  readonly origins: number
  readonly failingOrigins: number
  /** Their breakers are open, or they asked for a rest. */
  readonly restingOrigins: number
  /** URLs that fail or do not answer while others of their origins do: their callbacks wait apart. */
  readonly apartUrls: number
  /** Their own breakers are open, or they asked for a rest. */
  readonly restingUrls: number
  readonly connections: { readonly open: number; readonly idle: number }
  readonly isConnected: boolean
  /** It has its registration and its lease. */
  readonly isRegistered: boolean
  readonly isStopping: boolean
  readonly leaseRemainingMs: number
  /** Why it does not serve; null: it does, or will. */
  readonly standby: string | null
}
