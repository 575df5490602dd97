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
  ...[50, 200].flatMap(latencyAt),
  ...[16, 64].map(producersOf),
  ...['a key each', 'two a key'].map(ordered),
]

function latencyAt(rate: number): Bar[] {
  const of = (percent: string, contestant = 'ringback') => ({ contestant, figure: `${percent} at ${rate}/s` })
  const over = (percent: string) => ({ of: of(percent), over: of(percent, 'graphile-worker'), atMost: 1 })
  return [
    { part: 'latency', says: `ms, median at ${rate}/s`, of: of('p50'), atMost: 3 },
    { part: 'latency', says: `ms, 99th percentile at ${rate}/s`, of: of('p99'), atMost: 25 },
    { part: 'latency', says: `of the median of graphile-worker at ${rate}/s`, ...over('p50') },
    { part: 'latency', says: `of the 99th percentile of graphile-worker at ${rate}/s`, ...over('p99') },
  ]
}

function producersOf(clients: number): Bar {
  const figure = `${clients} clients`
  const says = `of the rate without a trigger, ${clients} clients, a relay awake`
  return {
    part: 'producer',
    says,
    of: { contestant: 'relay awake', figure },
    over: { contestant: 'no trigger', figure },
    atLeast: 0.95,
  }
}

function ordered(figure: string): Bar {
  return {
    part: 'order',
    says: `of the rate without keys, ${figure}`,
    of: { contestant: 'ringback', figure },
    over: { contestant: 'ringback', figure: 'no keys' },
    atLeast: 0.8,
  }
}
