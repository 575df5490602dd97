import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { Stage } from '../fixtures/stage.ts'
import { judge, traffic } from '../fixtures/traffic.ts'

/** RINGBACK_TEST_SECONDS=60 for the long form. */
const seconds = Number(process.env.RINGBACK_TEST_SECONDS ?? 8)
const load = { seconds, rate: 500, writers: 16, keys: 200, openMs: 200 }
const nothing = { lost: [], phantom: [], inverted: [], unexplained: [] }
t.setTimeout((seconds * 4 + 120) * 1_000)

t.test(
  'writers with long transactions, rollbacks and savepoints: nothing lost, nothing out of order, nothing twice',
  async t => {
    const stage = await Stage.open(t)
    await stage.relay({ 'log-level': 'info' })
    const written = await traffic(stage, load)
    await stage.drained(120_000)
    const verdict = await judge(stage, written)
    t.match(verdict, { ...nothing, duplicates: 0 })
    t.comment(
      `${written.filter(row => row.committed).length} committed, ${written.filter(row => !row.committed).length} rolled back`,
    )
  },
)

t.test(
  'the relay killed again and again meanwhile: nothing lost, nothing out of order, every duplicate explained',
  async t => {
    const stage = await Stage.open(t)
    const kills = Math.max(4, Math.round(seconds / 3))
    let relay = await stage.relay({ 'log-level': 'info' })
    const writing = traffic(stage, { ...load, rate: 300 })
    for (let n = 0; n < kills; n += 1) {
      await delay((seconds * 1_000) / (kills + 1))
      relay.kill('SIGKILL')
      await relay.exited
      relay = await stage.relay({ 'log-level': 'info' })
    }
    const written = await writing
    await stage.drained(120_000)
    const { duplicates, ...verdict } = await judge(stage, written)
    t.match(verdict, nothing)
    t.comment(`${kills} kills, ${written.filter(row => row.committed).length} committed, ${duplicates} duplicates`)
  },
)
