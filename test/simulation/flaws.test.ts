import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import type { ViolationKind } from '../checker/history.ts'
import type { Flaws } from './flaws.ts'
import { simulate } from './simulation.ts'

/** Each planted fault, and how its discovery is called. */
const flaws: readonly [keyof Flaws, ViolationKind | 'stray'][] = [
  ['ignoresOrder', 'inversion'],
  ['ignoresEpochs', 'unexplained'],
  ['forgetsRecords', 'unrecorded'],
  ['sendsTwice', 'unexplained'],
  ['forgetsSettling', 'unexplained'],
  ['claimsCancelled', 'phantom'],
  ['losesLateCommits', 'lost'],
  ['ignoresLease', 'stray'],
]

/** So many worlds are searched at most. */
const mostSeeds = 500

for (const [flaw, kind] of flaws) {
  t.test(`${flaw} is found, as ${kind}`, async t => {
    const seed = await firstSeed(flaw, kind)
    t.ok(seed !== null, `not within ${mostSeeds} seeds`)
    t.comment(`seed ${seed}`)
  })
}

async function firstSeed(flaw: keyof Flaws, kind: ViolationKind | 'stray'): Promise<number | null> {
  for (let seed = 1; seed <= mostSeeds; seed += 1) {
    await turn()
    const { verdict, strays } = await simulate(seed, { flaws: { [flaw]: true } })
    if ((kind === 'stray' ? strays.length : verdict.counts[kind]) > 0) return seed
  }
  return null
}
