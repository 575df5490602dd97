/** `run --drain`, as tests and batch jobs of users call it. */
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { quick } from '../fixtures/quick.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

const options = Object.entries(quick).map(([name, value]) => `--${name}=${value}`)

async function drain(stage: Stage, ...more: string[]) {
  const { code, out, err } = await ringback(['run', '--drain', ...options, ...more], {
    DATABASE_URL: stage.database.url,
  })
  const lines = out
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
  return { code, err, counts: lines.find(({ event }) => event === 'drained') }
}

const clean = { dead: 0, due: 0, retrying: 0, later: 0, held: 0, behind: 0 }

t.test('what is due is delivered, at the second attempt, too; what is not is left and counted', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path, headers }) => (path === '/shaky' && headers['webhook-attempt'] === '1' ? 503 : 200)
  for (const n of [1, 2, 3]) await stage.send({ n }, { key: 'a' })
  await stage.send({ n: 4 }, { path: '/shaky' })
  await stage.send({ n: 5 }, { key: 'b', due_at: new Date(Date.now() + 3_600_000) })
  await stage.send({ n: 6 }, { key: 'b' })
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ($1, 'maintenance')`, [
    stage.receiver.url('/held'),
  ])
  await stage.send({ n: 7 }, { path: '/held' })
  t.match(await drain(stage), { code: 0, err: '', counts: { ...clean, delivered: 4, later: 1, behind: 1, held: 1 } })
  t.equal(stage.receiver.arrivals.length, 5)
  t.match(await drain(stage), { code: 0, counts: { delivered: 0 } }, 'nothing is due: it ends')
})

t.test('a receiver that fails for good does not keep it: 1, and what waits is counted', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/gone' ? 410 : 500)
  await stage.send({ n: 0 }, { path: '/gone' })
  for (let n = 1; n <= 30; n += 1) await stage.send({ n })
  const { code, counts } = await drain(stage, '--breaker-failures=3')
  t.equal(code, 1)
  t.match(counts, { level: 'warn', delivered: 0, dead: 1 })
  t.equal(counts.due + counts.retrying, 30)
  t.equal(counts.reason, undefined)
})

t.test('a receiver that hangs keeps it until the deadline', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = () => 'hang'
  for (let n = 1; n <= 3; n += 1) await stage.send({ n })
  const { code, counts } = await drain(stage, '--deadline=300ms', '--connect-timeout=300ms', '--breaker-failures=1')
  t.equal(code, 1)
  t.equal(counts.due + counts.retrying, 3)
})

t.test('beside a relay that delivers, it waits for that one', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay()
  stage.receiver.answer = () => pause(300, 200)
  for (let n = 1; n <= 3; n += 1) await stage.send({ n }, { key: 'a' })
  t.match(await drain(stage, '--name=drain', '--log-level=debug'), { code: 0, counts: clean })
  t.equal(stage.receiver.arrivals.length, 3)
  relay.kill()
  await relay.exited
})

t.test('where it has not drained it does not end with 0', async t => {
  const stage = await Stage.open(t)
  const away = await ringback(['run', '--drain'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/x' })
  t.match(away, { code: 1, err: /ECONNREFUSED/ }, 'a database that is away is not waited for')
  stage.receiver.answer = () => 'hang'
  await stage.send({ n: 1 })
  const relay = await stage.relay({ drain: 'true', grace: '0s' })
  await stage.receiver.until(arrivals => arrivals.length > 0)
  relay.kill()
  t.equal((await relay.exited).code, 1, 'stopped by a signal')
})
