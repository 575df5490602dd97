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

const ringback = (figure: string): Figure => ({ contestant: 'ringback', figure })
const rateOf = (contestant: string): Figure => ({ contestant, figure: 'rate' })

/** With `says`, what is compared. Where a bar was set by the first edition of the relay, its figure stands there. */
export const bars: readonly Bar[] = [
  drained('ringback', 'graphile-worker', 0.9, ', which keeps nothing'),
  drained('ringback, nothing kept', 'graphile-worker', 1.1, ', neither keeping anything'),
  drained('ringback', 'pg-boss', 1.8),
  drained('ringback', 'undici loop', 0.45, ' without a database'),
  ...costs('ringback', 40, 750),
  ...costs('ringback, nothing kept', 28, 600),
  {
    part: 'drain',
    says: "µs of the relay's CPU a callback (first edition 77–116)",
    of: ringback('relay CPU'),
    atMost: 52,
  },
  ...[50, 200, 1_000].flatMap(latencyAt),
  { part: 'latency', says: 'ms, 99th percentile at 800/s', of: ringback('p99 at 800/s'), atMost: 21 },
  ...[16, 64].map(producersOf),
  {
    part: 'commits',
    says: 'of the rate without a relay, 16 clients whose commits take 20 ms (without the look at who waits 0.07)',
    of: { contestant: 'relay at work', figure: '16 clients' },
    over: { contestant: 'no relay', figure: '16 clients' },
    atLeast: 0.9,
  },
  ...['a key each', 'two a key'].map(ordered),
  {
    part: 'order',
    says: 'times a claim, a POST and a record one by one, for each callback of one key (first edition 2.5)',
    of: ringback('one key, each'),
    over: { contestant: 'claim, POST, record, one by one', figure: 'one key, each' },
    atMost: 2,
  },
  {
    part: 'relays',
    says: 's until new callbacks of all receivers flow after one of two relays was killed (first edition: a lease, 30 s)',
    of: { contestant: 'killed, taken over by another', figure: 'until new rows flow' },
    atMost: 4,
  },
  ...['1 relay', '2 relays', '4 relays'].flatMap(limited),
  ...[20, 100].flatMap(ms => ['1 origin', '100 origins'].map(origins => slow(ms, origins))),
  {
    part: 'trouble',
    says: 'of the rate at a fifth of 500, at a fifth of 503 (first edition 0.34)',
    of: { contestant: 'a fifth of 503', figure: 'rate' },
    over: { contestant: 'a fifth of 500', figure: 'rate' },
    atLeast: 0.75,
  },
  {
    part: 'trouble',
    says: 'callbacks a second, where the first attempt of each gets a 503 (first edition 1)',
    of: { contestant: 'a 503 first', figure: 'rate' },
    atLeast: 20,
  },
  {
    part: 'trouble',
    says: 'arrivals a callback, at a receiver of 0.5 requests a second',
    of: { contestant: 'one in 2 s', figure: 'arrivals' },
    atMost: 1.2,
  },
  {
    part: 'trouble',
    says: 'times the time that it takes for all of them one by one',
    of: { contestant: 'one in 2 s', figure: 'time' },
    atMost: 1.3,
  },
  back('sockets', 1.05, ''),
  back('memory', 1.1, ' (first edition 1.78)'),
  {
    part: 'isolation',
    says: 'times the calm 99th percentile of a healthy endpoint, while a million rows of a dead one arrive (first edition 7)',
    of: ringback('healthy p99, others down'),
    over: ringback('healthy p99, calm'),
    atMost: 2,
  },
  // A dead endpoint is tried now and then: some of a million rows are the probe.
  { part: 'isolation', says: 'writes a waiting row (first edition 1)', of: ringback('writes'), atMost: 0.001 },
  ...['history and backlog', 'snapshot held'].flatMap(flat),
  {
    part: 'retention',
    says: 'of the rate without deletion, while old rows are deleted (first edition: by hand)',
    of: { contestant: 'history deleted', figure: 'rate' },
    over: { contestant: 'history kept', figure: 'rate' },
    atLeast: 0.95,
  },
  {
    part: 'metrics',
    says: 'of the rate without metrics, scraped each 5 s',
    of: { contestant: 'ringback, scraped', figure: 'rate' },
    over: { contestant: 'ringback', figure: 'rate' },
    atLeast: 0.98,
  },
  paged('overview, first byte p50', 50, "ms until the page's first byte, five viewers"),
  paged('slowest screen, first byte', 50, "ms until the slowest screen's first byte"),
  paged('slowest statement', 20, 'ms for a statement of the page'),
  paged('load on the database', 1, '% of a core in the database for five viewers'),
  paged('scrape p95', 10, 'ms for a scrape of /metrics'),
  { part: 'memory', says: 'MB at most, 10 million waiting (first edition 224)', of: ringback('largest'), atMost: 150 },
]

function drained(of: string, over: string, atLeast: number, how = ''): Bar {
  return { part: 'drain', says: `${of}: of the rate of ${over}${how}`, of: rateOf(of), over: rateOf(over), atLeast }
}

function costs(contestant: string, cpuUs: number, walBytes: number): Bar[] {
  return [
    {
      part: 'drain',
      says: `${contestant}: µs of PostgreSQL's CPU a callback`,
      of: { contestant, figure: 'PostgreSQL CPU' },
      atMost: cpuUs,
    },
    {
      part: 'drain',
      says: `${contestant}: B of WAL without page images a callback`,
      of: { contestant, figure: 'WAL without page images' },
      atMost: walBytes,
    },
  ]
}

function latencyAt(rate: number): Bar[] {
  return ['p50', 'p99'].map(percent => {
    const figure = `${percent} at ${rate}/s`
    const over = { contestant: 'graphile-worker', figure }
    return { part: 'latency', says: `of graphile-worker's ${figure}`, of: ringback(figure), over, atMost: 1 }
  })
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
  const says = `of the rate without keys, ${figure}`
  return { part: 'order', says, of: ringback(figure), over: ringback('no keys'), atLeast: 0.8 }
}

function limited(contestant: string): Bar[] {
  return [
    {
      part: 'limits',
      says: `POSTs at once, ${contestant} (first edition: as many times four as relays)`,
      of: { contestant, figure: 'most at once' },
      atMost: 4,
    },
    {
      part: 'limits',
      says: `POSTs in any second, ${contestant} (first edition: as many times fifty as relays)`,
      of: { contestant, figure: 'most in a second' },
      atMost: 50,
    },
  ]
}

function slow(ms: number, origins: string): Bar {
  const contestant = `${ms} ms, ${origins}`
  return {
    part: 'slow',
    says: `of slots / latency, receivers of ${contestant}`,
    of: { contestant, figure: 'share' },
    atLeast: 0.9,
  }
}

function back(what: string, atMost: number, first: string): Bar {
  const says = `of the ${what} after the first tenth${first}`
  return { part: 'origins', says, of: ringback(`${what} after`), over: ringback(`${what} before`), atMost }
}

function paged(figure: string, atMost: number, says: string): Bar {
  return { part: 'page', says, of: ringback(figure), atMost }
}

function flat(contestant: string): Bar[] {
  const over = (figure: string) => ({ of: { contestant, figure }, over: { contestant: 'empty table', figure } })
  return [
    {
      part: 'flat',
      says: `of the time in an empty table, ${contestant} (first edition 1.17–1.19)`,
      ...over('time'),
      atMost: 1.15,
    },
    {
      part: 'flat',
      says: `of PostgreSQL's CPU in an empty table, ${contestant} (first edition 1.19–1.38)`,
      ...over('PostgreSQL CPU'),
      atMost: 1.15,
    },
  ]
}
