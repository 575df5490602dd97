/**
 * Tests that the simulation's model of the database answers as PostgreSQL does, and stores the same. It draws acts of
 * producers, operators and relays at random, and does each in both.
 */
import assert from 'node:assert/strict'
import t from 'tap'
import { Dice } from './dice.ts'
import type { Flaws } from './flaws.ts'
import { ProducersAndOperators } from './twins/producers-and-operators.ts'
import { Twins } from './twins/twins.ts'
import { type Past, relayNames, WildRelay } from './twins/wild-relay.ts'

const acts = 200
const worlds = 8
/** How many worlds are searched for a planted flaw at most. */
const mostWorlds = 50

const { stage, begin } = await Twins.open(t, relayNames.length)
const other = await stage.database.connect()

/** @returns the first difference between the model and PostgreSQL; null: none. */
async function difference(seed: number, flaws: Flaws = {}): Promise<string | null> {
  const twins = await begin(flaws)
  const dice = new Dice(seed)
  const people = new ProducersAndOperators(twins, dice, other)
  const past: Past = { claims: [], epochs: [] }
  const relays = relayNames.map((_, number) => new WildRelay(twins, dice, { number, past }))
  const done: string[] = []
  try {
    for (let n = 0; n < acts; n += 1) {
      const [name, act] = dice.pick(Object.entries((dice.chance(0.3) ? people : dice.pick(relays)).acts))
      done.push(name)
      await act()
      await twins.compare()
    }
    return null
  } catch (error) {
    if (!(error instanceof assert.AssertionError)) throw error
    return `seed ${seed}, after ${done.slice(-5).join(', ')}: ${error.message}`
  } finally {
    await people.end()
  }
}

t.test('the model answers and stores as PostgreSQL does', async t => {
  for (let seed = 1; seed <= worlds; seed += 1) {
    const found = await difference(seed)
    t.ok(found === null, found ?? `seed ${seed}`)
  }
})

/** Each flaw, with the world to try first. */
const flaws: readonly (readonly [keyof Flaws, number?])[] = [
  ['ignoresFence'],
  ['ignoresOrder'],
  ['recordsAnything'],
  ['recordsAnyRev', 5],
  ['releasesAnyRev'],
  ['forgetsRecords'],
  ['forgetsSettling', 21],
  ['deletesFailed'],
  ['deletesDeadEarly', 4],
  ['leavesAttempts', 15],
  ['claimsCancelled'],
  ['claimsHeld'],
  ['claimsSuperseded', 84],
  ['losesLateCommits', 32],
]

for (const [flaw, from = 1] of flaws) {
  t.test(`a model that ${flaw} is told from PostgreSQL`, async t => {
    for (let seed = from; seed < from + mostWorlds; seed += 1) {
      const found = await difference(seed, { [flaw]: true })
      if (found !== null) return t.pass(found)
    }
    t.fail(`not within ${mostWorlds} worlds`)
  })
}
