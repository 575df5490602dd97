import { readFileSync } from 'node:fs'
import t from 'tap'
import { paragraph, table } from './report.ts'
import { type Result, replaced } from './result.ts'
import { allScenarios } from './scenarios.ts'

const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')
const saved = JSON.parse(read('results.json')) as Result[]

t.test('the saved results are of the long form of every scenario', async t => {
  t.same(
    saved.map(({ number, title, isShort }) => ({ number, title, isShort })),
    (await allScenarios()).map(({ number, title }) => ({ number, title, isShort: false })),
  )
})

t.test('fresh results take the place of those of the same scenario, the others stay', async t => {
  const [first, second] = saved as [Result, Result]
  const fresh = { ...first, seed: 7 }
  t.same(replaced([first, second], [fresh]), [fresh, second])
  t.same(replaced([second], [first]), [first, second])
})

t.test('a failed one says why, and how to repeat it', async t => {
  const failed = { ...saved[0], outcome: 'failed', reasons: ['not met: lost 0'], seed: 7, folder: null } as Result
  t.match(table([failed]), 'failed: not met: lost 0')
  t.match(paragraph(failed), /not met: lost 0.*again: make faults SCENARIO=1 SEED=7/s)
})
