import type { FaultProxy } from '../../fixtures/fault-proxy.ts'
import { pick } from '../../fixtures/random.ts'
import type { Receiver } from '../cast.ts'
import { type Point, points, type Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

/** Where a callback goes to end like this. All but the rejected ones are delivered once the relay is there again. */
const outcomes = ['delivered', 'rejected', 'failed', 'unknown: reset', 'unknown: no answer', 'not_sent'] as const
type Ending = (typeof outcomes)[number]

/** Those that cannot come that far. */
const unreached: Readonly<Partial<Record<Point, readonly Ending[]>>> = {
  'before send': ['not_sent'],
  'after send': ['not_sent'],
  'after headers': ['not_sent', 'unknown: reset', 'unknown: no answer'],
}

const options = { lease: '1500ms', 'lease-margin': '200ms', deadline: '600ms', 'connect-timeout': '300ms' }

export const scenario: Scenario = {
  number: 3,
  title: 'death at each point between fetch and record, for each outcome',
  async run(stage) {
    const receiver = await stage.receiver()
    const proxy = await stage.proxy(receiver.url('/'))
    const cells = cellsOf(stage)
    let relay = await stage.relay('a', { options })
    let rejected = 0
    for (const [at, { point, ending }] of cells.entries()) {
      relay.dieAt(point)
      if (ending === 'not_sent') await proxy.down()
      const written = await insert(stage, urlOf(ending, receiver, proxy), at)
      if (ending === 'rejected') rejected += written
      await death(relay, `${point}, ${ending}`)
      stage.fault()
      await proxy.up()
      relay = await stage.relay('a', { options })
      stage.bar(`settled after death ${point}, ${ending}`, await stage.drained(20_000))
    }
    const { books } = await stage.check({ mayDie: true })
    const dead = books.callbacks.filter(({ status }) => status === 'dead')
    stage.bar(`${rejected} rejected, no other dead: ${dead.length}`, dead.length === rejected)
    stage.bar(
      'dead because rejected',
      dead.every(({ lastError }) => lastError?.startsWith('rejected') === true),
    )
    stage.figure('combinations', cells.length)
  },
}

/** All combinations, or each point once. */
function cellsOf(stage: Stage): { readonly point: Point; readonly ending: Ending }[] {
  return points.flatMap(point => {
    const reached = outcomes.filter(ending => !unreached[point]?.includes(ending))
    return (stage.isShort ? [pick(stage.random, reached)] : reached).map(ending => ({ point, ending }))
  })
}

function urlOf(ending: Ending, receiver: Receiver, proxy: FaultProxy): string {
  const paths = { delivered: '/ok', rejected: '/status/404', failed: '/flaky/500', 'unknown: reset': '/reset' }
  if (ending === 'not_sent') return proxy.via(receiver.url('/ok'))
  return receiver.url(ending === 'unknown: no answer' ? '/hang' : paths[ending])
}

/** Some of one key, some of none. */
async function insert(stage: Stage, url: string, cell: number): Promise<number> {
  const keyed = { urls: [url], keyPrefix: `cell${cell}-` }
  return (await stage.insert(keyed)) + (await stage.insert(keyed)) + (await stage.insert({ ...keyed, keyless: 1 }))
}

async function death(relay: Relay, cell: string): Promise<void> {
  const late = setTimeout(() => relay.kill('SIGTERM'), 10_000)
  const { signal } = await relay.ended
  clearTimeout(late)
  if (signal !== 'SIGKILL') throw relay.program.failure(`did not come to the point: ${cell}`)
}
