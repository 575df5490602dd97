import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { Stage } from '../fixtures/stage.ts'

/** Back-off and pauses of minutes: who waits for the old receiver waits for longer than any test lasts. */
const patient = { 'retry-base': '10m', 'retry-cap': '10m', 'breaker-failures': 3, 'breaker-pause': '10m' }

const cookbook = readFileSync(new URL('../../sql/cookbook/amend_url.sql', import.meta.url), 'utf8')

/** As the cookbook has it. */
async function amend(stage: Stage, from: string, to: string): Promise<void> {
  const sql = cookbook
    .replaceAll('https://crm.example/v1/', from)
    .replaceAll('https://crm.example/v2/', to)
    .replace('2026-01-31 08:00+00', '-infinity')
  await stage.query(sql)
}

/** Forty callbacks: some have failed and wait in back-off, one or more are in memory, the others in the table. */
async function waiting(stage: Stage, path: string): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < 40; n += 1)
    ids.push(await stage.send({ n }, { path: `${path}${n % 3}`, key: n % 2 ? `key ${n % 8}` : null }))
  return ids
}

/** Lines of the metrics that begin so. */
async function metrics(listen: unknown, begin: string): Promise<string[]> {
  const response = await fetch(`http://${listen}/metrics`)
  return (await response.text()).split('\n').filter(line => line.startsWith(begin))
}

async function underWay(stage: Stage): Promise<number | undefined> {
  const [claimed] = await stage.query<{ n: number }>(
    `select count(*)::integer as n from outbox.callback where status = 'claimed'`,
  )
  return claimed?.n
}

/** Its breaker is open, and nothing is on the wire. */
async function rests(stage: Stage, listen: unknown): Promise<void> {
  const origin = new URL(stage.receiver.url('/')).origin
  await eventually(async () => {
    const open = await metrics(listen, 'ringback_origin_breaker_open')
    assert.deepEqual([open, await underWay(stage)], [[`ringback_origin_breaker_open{origin="${origin}"} 1`], 0])
  })
}

t.test(
  'callbacks that are moved to another receiver do not wait for the old one, which is told nothing of them',
  async t => {
    const stage = await Stage.open(t)
    const other = await Receiver.start()
    t.teardown(() => other.close())
    stage.receiver.answer = () => 500
    const relay = await stage.relay({ ...patient, listen: '127.0.0.1:0' })
    const { address } = await relay.until('listening')
    const ids = await waiting(stage, '/v1/')
    await rests(stage, address)
    const before = stage.receiver.arrivals.length
    const [old, moved] = [stage.receiver, other].map(each => new URL(each.url('/')).origin)
    const count = (origin: string | undefined) => metrics(address, `ringback_origin_attempts_total{origin="${origin}"`)
    const ofOld = await count(old)

    await amend(stage, stage.receiver.url('/v1/'), other.url('/v2/'))
    await stage.drained(20_000)
    t.equal(other.arrivals.length, ids.length)
    t.equal(stage.receiver.arrivals.length, before, 'nothing more went to the old one')
    t.same(await count(old), ofOld)
    t.same(await count(moved), [`ringback_origin_attempts_total{origin="${moved}",outcome="delivered"} ${ids.length}`])
    const open = await metrics(address, 'ringback_origin_breaker_open')
    t.same(
      open.sort(),
      [`ringback_origin_breaker_open{origin="${old}"} 1`, `ringback_origin_breaker_open{origin="${moved}"} 0`].sort(),
    )
    const events = relay.logs.filter(({ event, outcome }) => event === 'attempt' && outcome === 'delivered')
    t.equal(events.length, ids.length)
    t.ok(events.every(({ origin }) => origin === moved))
  },
)

t.test('so it is with those that are moved to another URL of their receiver', async t => {
  const stage = await Stage.open(t)
  const ill = (path: string) => path.startsWith('/v1/')
  stage.receiver.answer = ({ path }) => (ill(path) ? { status: 503, headers: { 'Retry-After': '600' } } : 200)
  const relay = await stage.relay({ ...patient, 'origin-concurrency': 4, listen: '127.0.0.1:0' })
  const { address } = await relay.until('listening')
  for (let n = 0; n < 8; n += 1) await stage.becomes(await stage.send({ n }, { path: '/well' }), 'delivered')
  const ids = await waiting(stage, '/v1/')
  await stage.receiver.until(arrivals => new Set(arrivals.map(({ path }) => path).filter(ill)).size === 3)
  await stage.becomes(await stage.send({}, { path: '/well' }), 'delivered')
  await eventually(async () => assert.equal(await underWay(stage), 0))
  const before = stage.receiver.arrivals.length
  const urls = () => metrics(address, 'ringback_urls')
  await eventually(async () =>
    assert.deepEqual(await urls(), ['ringback_urls{state="apart"} 3', 'ringback_urls{state="resting"} 3']),
  )

  await amend(stage, stage.receiver.url('/v1/'), stage.receiver.url('/v2/'))
  await stage.drained(20_000)
  const later = stage.receiver.arrivals.slice(before).map(({ path }) => path.slice(0, 4))
  t.same(later, Array(ids.length).fill('/v2/'))
  await eventually(async () => assert.equal((await urls())[0], 'ringback_urls{state="apart"} 0'))
})
