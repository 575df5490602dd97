/** When a drain is over, against PostgreSQL and without a relay. */
import t from 'tap'
import { Drain } from '../../src/relay/drain.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const parts = { broken: () => [], delivered: () => 0 }
const { signal } = new AbortController()

t.beforeEach(() => stage.query('truncate outbox.callback, outbox.hold'))

t.test('it gives up where nothing is settled, and says how the table stands', async t => {
  for (const key of ['a', 'a', 'b']) await stage.insert({ ordering_key: key })
  await stage.force(await stage.insert(), `attempts = 1, claimed_at = now(), due_at = now() + interval '1 h'`)
  const drain = new Drain(stage.session, { ...parts, patienceMs: 300 })
  t.match(await drain.ended(signal), { due: 2, behind: 1, retrying: 1, gaveUp: /^nothing was settled for/ })
})

t.test('what is due at a receiver whose breaker is open is not waited for', async t => {
  await stage.insert()
  const drain = new Drain(stage.session, { ...parts, broken: () => ['https://receiver.test'], patienceMs: 60_000 })
  t.match(await drain.ended(signal), { due: 1, gaveUp: null })
})

t.test('whatever settles a callback gives it more patience, and who died meanwhile is counted', async t => {
  await stage.force(
    await stage.insert(),
    `status = 'dead', attempts = 1, claimed_at = now(), settled_at = now(), dead_at = now()`,
  )
  const ids = [await stage.insert(), await stage.insert(), await stage.insert()]
  const drain = new Drain(stage.session, { ...parts, patienceMs: 2_000 })
  const end = drain.ended(signal)
  for (const id of ids) {
    await new Promise(resolve => setTimeout(resolve, 800))
    await stage.force(id, `status = 'dead', attempts = 1, claimed_at = now(), settled_at = now(), dead_at = now()`)
  }
  t.match(await end, { due: 0, dead: 3, gaveUp: null })
})

t.test('it ends when it is stopped, and fails where the database cannot be asked', async t => {
  const stop = new AbortController()
  const lost = await stage.another()
  lost.destroy()
  const drain = new Drain(lost, { ...parts, patienceMs: 300 })
  await t.rejects(drain.ended(signal), /lost/)
  const ended = new Drain(lost, { ...parts, patienceMs: 60_000 }).ended(stop.signal)
  stop.abort()
  t.equal(await ended, null)
})
