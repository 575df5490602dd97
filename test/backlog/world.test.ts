/** Whatever happens in whatever order: no row is forgotten, nothing is busy for ever, and memory keeps to its bounds. */
import fc from 'fast-check'
import t from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { mostActs, planNames, plans } from './plans.ts'
import { regressions } from './regressions.ts'
import { replay, run, shrink } from './schedule.ts'

/** More of them, for an hour: `BACKLOG_RUNS=1000000 node --import tsx test/backlog/world.test.ts`. */
const runs = Number(process.env.BACKLOG_RUNS ?? 1_500)

t.setTimeout(0)

t.test('every row is covered after every act, and delivered in the end', async () => {
  fc.assert(
    fc.property(fc.constantFrom(...planNames), fc.noBias(fc.integer()), (name, seed) => {
      const failure = run(plans[name], Backlog, seed, mostActs)
      if (!failure) return
      const { message, acts } = shrink(plans[name], Backlog, failure)
      throw new Error(`${message}; the schedule for test/backlog/regressions.ts:\n['${name}', '${acts.join(' | ')}'],`)
    }),
    // `shrink` knows better than fast-check which acts to leave out.
    { numRuns: runs, endOnFailure: true },
  )
})

for (const [name, why, schedule] of regressions)
  t.test(`a schedule that once failed: ${why}`, async t => {
    t.equal(replay(plans[name], Backlog, schedule.split(' | ')), null)
  })
