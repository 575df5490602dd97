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
  {
    part: 'relays',
    says: 's until all rows of a killed relay flow again, the lease being 5 s',
    of: { contestant: 'killed, taken over by another', figure: 'until all rows flow' },
    atMost: 6,
  },
  {
    part: 'relays',
    says: 's until rows flow after a restart under the same name',
    of: { contestant: 'killed, back under its own name', figure: 'until rows flow' },
    atMost: 1,
  },
  ...['sockets', 'memory'].map(back),
  {
    part: 'isolation',
    says: 'times the calm 99th percentile of a healthy endpoint, while others are down',
    of: { contestant: 'ringback', figure: 'healthy p99, others down' },
    over: { contestant: 'ringback', figure: 'healthy p99, calm' },
    atMost: 2,
  },
  { part: 'isolation', says: 'writes a waiting row', of: { contestant: 'ringback', figure: 'writes' }, atMost: 2 },
  { part: 'isolation', says: 'MB at most', of: { contestant: 'ringback', figure: 'memory, largest' }, atMost: 250 },
  {
    part: 'isolation',
    says: 's until a delivery when the endpoint is back',
    of: { contestant: 'ringback', figure: 'after the endpoint is back' },
    atMost: 2,
  },
  ...['history and backlog', 'snapshot held'].flatMap(flat),
  { part: 'memory', says: 'MB at most', of: { contestant: 'ringback', figure: 'largest' }, atMost: 250 },
  {
    part: 'memory',
    says: 'last third over middle third: flat',
    of: { contestant: 'ringback', figure: 'last third over middle third' },
    atMost: 1.1,
  },
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

function back(what: string): Bar {
  const of = { contestant: 'ringback', figure: `${what} after` }
  const over = { contestant: 'ringback', figure: `${what} before` }
  return { part: 'origins', says: `of the ${what} after the first tenth`, of, over, atMost: 1.05 }
}

function flat(contestant: string): Bar[] {
  const over = (figure: string) => ({ of: { contestant, figure }, over: { contestant: 'empty table', figure } })
  return [
    { part: 'flat', says: `of the time in an empty table, ${contestant}`, ...over('time'), atMost: 1.25 },
    {
      part: 'flat',
      says: `of PostgreSQL's CPU in an empty table, ${contestant}`,
      ...over('PostgreSQL CPU'),
      atMost: 1.25,
    },
    {
      part: 'flat',
      says: `B of WAL without page images, ${contestant}`,
      of: { contestant, figure: 'WAL without page images' },
      atMost: 1_000,
    },
  ]
}
