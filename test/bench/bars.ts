/** One figure of one contestant. */
export interface Figure {
  readonly contestant: string
  readonly figure: string
}

/** What Ringback sets itself: a figure, or its ratio to another one of the same round, within a limit. */
export interface Bar {
  readonly part: string
  readonly says: string
  readonly of: Figure
  /** The figure is divided by this one, round by round. */
  readonly over?: Figure
  readonly atLeast?: number
  readonly atMost?: number
}

const rateOf = (contestant: string): Figure => ({ contestant, figure: 'rate' })

export const bars: readonly Bar[] = [
  {
    part: 'drain',
    says: 'times the rate of graphile-worker',
    of: rateOf('ringback'),
    over: rateOf('graphile-worker'),
    atLeast: 3,
  },
  { part: 'drain', says: 'times the rate of pg-boss', of: rateOf('ringback'), over: rateOf('pg-boss'), atLeast: 4 },
  {
    part: 'drain',
    says: 'of the rate of an undici loop without a database',
    of: rateOf('ringback'),
    over: rateOf('undici loop'),
    atLeast: 0.65,
  },
]
