import fc from 'fast-check'
import t from 'tap'
import { ConnectionPool } from '../../src/delivery/connection-pool.ts'
import { post } from '../../src/delivery/post.ts'
import type { OutcomeKind } from '../../src/model.ts'
import { type Line, RawServer } from './raw-server.ts'
import { claimOf } from './stage.ts'

/** What a receiver can do with one request. */
const behaviours = {
  answer: line => line.answer('200 OK', 'fine'),
  refuse: line => line.answer('500 Oops'),
  interim: line => {
    line.socket.write('HTTP/1.1 102 Processing\r\n\r\n')
    line.answer('200 OK')
  },
  unaskedContinue: line => {
    line.socket.write('HTTP/1.1 100 Continue\r\n\r\n')
    line.answer('200 OK')
  },
  oddHead: line => void line.socket.write('HTTP/1.1 200 OK\ncontent-length: 2\ncontent-length: 3\n\nok'),
  shortBody: line => void line.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
  answerThenEnd: line => {
    line.answer('200 OK')
    line.socket.end()
  },
  answerThenReset: line => {
    line.answer('200 OK')
    setImmediate(() => line.socket.resetAndDestroy())
  },
  sayClose: line => void line.socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbye'),
  end: line => void line.socket.end(),
  reset: line => void line.socket.resetAndDestroy(),
  breakOff: line => void line.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
  junk: line => void line.socket.write('junk\r\n\r\n'),
  hang: () => {},
} satisfies Record<string, (line: Line) => void>

type Behaviour = keyof typeof behaviours

const choice = fc.constantFrom(...(Object.keys(behaviours) as Behaviour[]))
/**
 * What each must not be taken for. No receiver here answers twice: the second answer, when it comes right after the next
 * request has left, cannot be told from the answer to that.
 */
const wrong: Partial<Record<Behaviour, OutcomeKind[]>> = {
  answer: ['failed', 'rejected'],
  unaskedContinue: ['failed', 'rejected'],
  oddHead: ['failed', 'rejected'],
  shortBody: ['failed', 'rejected'],
  refuse: ['delivered', 'rejected'],
  end: ['delivered', 'failed', 'rejected'],
  reset: ['delivered', 'failed', 'rejected'],
  junk: ['delivered', 'failed', 'rejected'],
  hang: ['delivered', 'failed', 'rejected'],
}

t.test('whatever receivers do, each attempt arrives once at most and its outcome does not lie', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(choice, { minLength: 8, maxLength: 40 }),
      fc.integer({ min: 1, max: 6 }),
      async (plan, lanes) => {
        const server = await RawServer.listen(behave)
        const origins = new ConnectionPool({ connectionsOf: () => lanes, reuseLostForMs: 1 })
        try {
          const kinds = await postAll(server, origins, plan, lanes)
          return isHonest(plan, kinds, server.requests)
        } finally {
          await origins.close()
          await server.close()
        }
      },
    ),
    { numRuns: 12 },
  )
})

async function behave(line: Line): Promise<void> {
  for (;;) {
    const request = await line.request()
    behaviours[/do=(\w+)/.exec(request)?.[1] as Behaviour](line)
  }
}

const settingsOf = () => ({
  deadlineMs: 100,
  headers: [],
  retry: [],
  success: null,
  signingKeys: [],
  body: 'form' as const,
})

async function postAll(
  server: RawServer,
  origins: ConnectionPool,
  plan: Behaviour[],
  lanes: number,
): Promise<OutcomeKind[]> {
  const kinds: OutcomeKind[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < plan.length) {
      const attempt = next++
      const claim = claimOf(`http://${server.host}/?do=${plan[attempt]}`, { attempt })
      const outcome = await post(claim, { pool: origins, settingsOf, mayStart: () => true, version: '0' })
      kinds[attempt] = outcome.kind
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return kinds
}

function isHonest(plan: Behaviour[], kinds: OutcomeKind[], requests: readonly string[]): boolean {
  const arrived = requests.map(request => Number(/webhook-attempt: (\d+)/.exec(request)?.[1]))
  const once = new Set(arrived).size === arrived.length
  return (
    once &&
    plan.every((behaviour, attempt) => {
      const kind = kinds[attempt]!
      if (kind === 'not_sent') return !arrived.includes(attempt)
      if (kind !== 'unknown' && !arrived.includes(attempt)) return false
      return !wrong[behaviour]?.includes(kind)
    })
  )
}
