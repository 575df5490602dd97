/** Each rule of the backlog is left out, one at a time: the properties of world.test.ts must find it. */
import t from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { type Flaw, flawed, flawedText, flaws, unnoticed } from './flaws.ts'
import { mostActs, planNames, plans } from './plans.ts'
import { regressions } from './regressions.ts'
import type { BacklogClass } from './relay.ts'
import { replay, run } from './schedule.ts'

/** Worlds of each plan that are searched for a flaw that has no schedule. */
const mostSeeds = 40

for (const flaw of flaws)
  t.test(`found when left out: ${flaw.rule}`, async t => {
    const found = foundBy(flaw, await flawed(flaw))
    t.ok(found, 'not found')
    t.comment(String(found))
  })

t.test('the schedules find nothing where nothing is left out', async t => {
  for (const { rule, schedule } of flaws) if (schedule) t.equal(replayed(Backlog, schedule), null, rule)
})

t.test('the other rules stand where they are said to stand', async t => {
  for (const flaw of unnoticed) t.ok(await flawedText(flaw), flaw.rule)
})

function foundBy({ schedule }: Flaw, BacklogOf: BacklogClass): string | null {
  if (schedule) return replayed(BacklogOf, schedule)
  for (const [plan, , acts] of regressions) {
    const message = replayed(BacklogOf, [plan, acts])
    if (message !== null) return message
  }
  for (let seed = 1; seed <= mostSeeds; seed += 1)
    for (const name of planNames) {
      const failure = run(plans[name], BacklogOf, seed, mostActs)
      if (failure) return `seed ${seed} of ${name}: ${failure.message}`
    }
  return null
}

function replayed(BacklogOf: BacklogClass, [plan, acts]: NonNullable<Flaw['schedule']>): string | null {
  return replay(plans[plan], BacklogOf, acts.split(' | '))?.message ?? null
}
