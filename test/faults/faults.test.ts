/**
 * The short form of scenarios of each kind that need nothing but Node and PostgreSQL, some minutes in all. `make faults SHORT=1`
 * runs the short form of every one, `make faults` the long.
 */
import t from 'tap'
import { Guard } from './guard.ts'
import { paragraph } from './report.ts'
import { runScenario } from './running.ts'
import { allScenarios } from './scenarios.ts'
import { Servers } from './servers.ts'

t.setTimeout(600_000)
const seed = Number(process.env.RINGBACK_TEST_SEED ?? Math.floor(Math.random() * 1e9))
const servers = new Servers()
const guard = new Guard()
t.teardown(async () => {
  await servers.remove()
  await guard.dismiss()
})

/** Deaths, zombies, lost sessions, lost answers, lost notifications, late commits, operators, poison, lost replies, locks, odd rows, commits that wait, odd sessions. */
const chosen = [2, 4, 6, 10, 12, 13, 16, 19, 20, 21, 23, 29, 30, 33, 35]

for (const scenario of (await allScenarios()).filter(({ number }) => chosen.includes(number))) {
  t.test(`${scenario.number}: ${scenario.title}`, async t => {
    const { signal } = new AbortController()
    const result = await runScenario(scenario, { seed, isShort: true, servers, guard, signal })
    if (result.outcome === 'skipped') {
      t.pass('staged', { skip: result.reasons.join(', ') })
      return
    }
    t.comment(paragraph(result))
    t.same(result.reasons, [], `seed ${seed}`)
  })
}
