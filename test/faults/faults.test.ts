/** The short form of every scenario that has one; what this machine cannot stage is skipped. `make faults` is the long form. */
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

for (const scenario of await allScenarios()) {
  if (scenario.short === false) continue
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
