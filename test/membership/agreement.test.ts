import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { viewMs } from '../../src/policy/tuning.ts'
import { MembershipWorld, type SimulatedRelay, settings } from './world.ts'

/** What may happen to relays that go by one file of settings, and are given another. */
const acts: Readonly<Record<string, (world: MembershipWorld, relay: SimulatedRelay, ms: number) => void>> = {
  reload: (_, relay) => relay.membership.wants(settings('b')),
  'reload back': (_, relay) => relay.membership.wants(settings('a')),
  'start with the old': world => void world.start({ digest: 'a' }),
  'start with the new': world => void world.start({ digest: 'b' }),
  'start and force': world => void world.start({ digest: 'c', forces: true }),
  stop: (_, relay) => relay.stop(),
  leave: (_, relay) => relay.leave(),
  kill: (_, relay) => relay.kill(),
  hang: (_, relay, ms) => relay.hang(ms),
  reconnect: (_, relay, ms) => relay.reconnect(ms),
  stall: (world, _, ms) => world.stall(ms),
}

interface Act {
  readonly name: string
  readonly relay: number
  readonly ms: number
  readonly thenMs: number
}

const act: fc.Arbitrary<Act> = fc.record({
  name: fc.constantFrom(...Object.keys(acts)),
  relay: fc.nat(),
  ms: fc.integer({ min: 100, max: 6_000 }),
  thenMs: fc.integer({ min: 50, max: 6_000 }),
})

/** What was seen of relays to which all of this happened, and which were then given one and the same file. */
async function after(seed: number, count: number, list: readonly Act[]) {
  const world = new MembershipWorld(seed)
  for (let n = 0; n < count; n += 1) world.start({ digest: 'a' })
  const seen = [await world.run(6_000)]
  for (const { name, relay, ms, thenMs } of list) {
    const up = world.relays.filter(each => !each.hasEnded)
    const one = up[relay % up.length]
    // One is left to go on.
    if (!one || (up.length < 2 && /stop|leave|kill/.test(name))) continue
    acts[name]?.(world, one, ms)
    seen.push(await world.run(thenMs))
  }
  for (const relay of world.relays) relay.membership.wants(settings('z'))
  seen.push(await world.run(20_000))
  const serving = world.relays.filter(relay => world.claimable(relay) > 0)
  return {
    severalMs: Math.max(...seen.map(each => each.longestSeveralMs)),
    mixedMs: Math.max(...seen.map(each => each.longestMixedMs)),
    served: serving.reduce((sum, relay) => sum + world.claimable(relay), 0) - world.origins,
    settings: [...new Set(serving.map(each => each.settings))],
  }
}

t.test(
  'whatever happens to relays that are given other settings, both serve for the age of a view at most',
  async t => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e6)
    t.comment(`seed ${seed}`)
    const schedule = [fc.nat(), fc.integer({ min: 2, max: 4 }), fc.array(act, { maxLength: 6 })] as const
    const property = fc.asyncProperty(...schedule, async (worldSeed, count, list) => {
      const { mixedMs, severalMs, ...rest } = await after(worldSeed, count, list)
      assert.ok(mixedMs <= viewMs, `${mixedMs} ms`)
      // Where a relay joins in the moment of a change, two views may overlap.
      assert.ok(severalMs <= viewMs, `${severalMs} ms`)
      assert.deepEqual(rest, { served: 0, settings: ['z'] })
    })
    await fc.assert(property, { seed, numRuns: Number(process.env.RUNS ?? 10), endOnFailure: true })
  },
)
