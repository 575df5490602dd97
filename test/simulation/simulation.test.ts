/**
 * Thousands of worlds, each decided by its seed: 1 to SIMULATION_SEEDS (5,000), from SIMULATION_FROM (1).
 * SIMULATION_SEED=n: that one alone, with all that happens in it.
 */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { failedOnce } from './seeds.ts'
import { type Run, simulate } from './simulation.ts'

const { SIMULATION_SEED: only, SIMULATION_FROM: from = '1', SIMULATION_SEEDS: seeds = '5000' } = process.env

/** What to say of a world in which a promise was broken; null when all were kept. */
function fault(seed: number, { verdict }: Run): string | null {
  const { violations } = verdict
  if (violations.length === 0) return null
  const lines = violations.map(({ kind, messageId, detail }) => `  ${kind}: ${messageId} ${detail}`)
  const again = `SIMULATION_SEED=${seed} node --import tsx test/simulation/simulation.test.ts`
  return [`seed ${seed}: ${violations.length} violations`, ...lines, `  again: ${again}`].join('\n')
}

async function faultOf(seed: number): Promise<string | null> {
  await turn()
  return fault(seed, await simulate(seed))
}

if (only !== undefined) {
  t.test(`seed ${only}`, async t => {
    const run = await simulate(Number(only), { trace: line => console.log(line) })
    console.log(run.verdict)
    t.equal(fault(Number(only), run), null)
  })
} else {
  t.test('the same seed gives the same history', async t => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const [first, second] = [await simulate(seed), await simulate(seed)]
      t.equal(first.digest, second.digest, `seed ${seed}`)
    }
  })

  for (const { seed, showed } of failedOnce) {
    t.test(`seed ${seed}: ${showed}`, async t => t.equal(await faultOf(seed), null))
  }

  t.test('every promise is kept, whatever happens in whatever order', async t => {
    const startedAt = performance.now()
    const faults: string[] = []
    const [first, last] = [Number(from), Number(from) + Number(seeds) - 1]
    for (let seed = first; seed <= last && faults.length < 5; seed += 1) {
      const found = await faultOf(seed)
      if (found !== null) faults.push(found)
    }
    const seconds = (performance.now() - startedAt) / 1_000
    t.comment(`seeds ${first} to ${last} in ${seconds.toFixed(1)} s: ${(Number(seeds) / seconds).toFixed(0)} a second`)
    t.equal(faults.join('\n'), '')
  })
}
