/**
 * Relays come, leave, are killed, stand still, and have other settings than the rest; the database stalls. Rows of a key go to
 * two origins in turn, so that two relays have to wait for one another.
 */
import type { Books } from '../books.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'

/** Longer than this no origin is without a relay, in milliseconds: three renewals, and what a claim takes. */
const GAP_MS = 4_000
const STALL_MS = 4_000

export const scenario: Scenario = {
  number: 34,
  title:
    'relays join, leave, hang and disagree; keys whose rows alternate between two origins; the database stalls for 4 s',
  async run(stage) {
    const receiver = await stage.receiver()
    const proxy = await stage.proxy(stage.databaseUrl)
    const databaseUrl = proxy.via(stage.databaseUrl)
    const start = (name: string, options = {}) => stage.relay(name, { databaseUrl, options })
    const relays = new Map<string, Relay>()
    for (const name of ['a', 'b', 'c']) relays.set(name, await start(name))
    await stage.sleep(4_000)
    const hosts =
      process.platform === 'linux' ? ['127.0.0.31', '127.0.0.32', '127.0.0.33', '127.0.0.34'] : ['127.0.0.1']
    const urls = hosts.map((host, n) => receiver.url(`/mixed/${n}`, host))
    const writers = await stage.writers({ urls, rate: 60, rolledBack: 0, unlocked: 0 })
    await stage.sleep(stage.seconds(10, 3) * 1_000)

    const moved = divisions(relays)
    // What is on its way waits, and goes on afterwards.
    proxy.swallow()
    await stage.sleep(STALL_MS)
    proxy.heal()
    await stage.sleep(3_000)
    const movedByStall = divisions(relays) - moved
    stage.fault()

    for (let round = 0; round < stage.seconds(6, 1); round += 1) {
      relays.get('a')?.kill('SIGKILL')
      await stage.sleep(5_000)
      relays.set('a', await start('a'))
      const other = await start('other', { 'max-attempts': 7 })
      await other.until('standing_by')
      await other.program.stop('SIGTERM')
      relays.get('b')?.kill('SIGSTOP')
      await stage.sleep(6_000)
      relays.get('b')?.kill('SIGCONT')
      await relays.get('c')?.program.stop('SIGTERM')
      await stage.sleep(2_000)
      relays.set('c', await start('c'))
      stage.fault(4)
    }
    await writers.stop()
    const { books } = await stage.check()
    const gaps = hosts.map((_, n) => longestGap(books, `/mixed/${n}`))
    stage.figure('origins moved by the stall', movedByStall)
    stage.figure('longest time without an arrival at an origin', Math.max(...gaps), 'ms')
    stage.bar('no origin moves when the database stalls', movedByStall === 0)
    // The stall itself stops the claims, and what they had claimed when they were killed waits for nobody else's origin.
    stage.longBar(
      `an origin is without a relay for ${GAP_MS} ms at most`,
      gaps.every(ms => ms <= STALL_MS + GAP_MS),
    )
  },
}

function divisions(relays: ReadonlyMap<string, Relay>): number {
  let count = 0
  for (const relay of relays.values()) count += relay.count('origins_divided')
  return count
}

function longestGap({ arrivals }: Books, path: string): number {
  const times = arrivals.filter(each => each.path === path).map(({ at }) => at)
  times.sort((a, b) => a - b)
  return Math.max(...times.slice(1).map((at, n) => at - (times[n] ?? at)))
}
