import type { OriginSettings } from './origin.ts'

export interface SequencerLimits {
  /** Rows held at most. */
  readonly rows: number
  /** How many rows of an origin may run, how fast they may start, and when it rests. */
  readonly settingsOf: (origin: string) => OriginSettings
  /** A row due later than this, in milliseconds from now, is not kept unless others wait behind it. */
  readonly horizonMs: number
  /** An origin that takes longer to work off its rows is slow: its surplus may be parked when memory runs short. */
  readonly drainMs: number
}
