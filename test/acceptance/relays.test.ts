import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { pause } from '../../src/pause.ts'
import { handOverMs } from '../../src/policy/tuning.ts'
import { eventually } from '../fixtures/eventually.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

/** So many that two relays have some each, but once in half a million runs. */
const origins = 20

async function receivers(t: Test): Promise<Receiver[]> {
  const all = await Promise.all(Array.from({ length: origins }, () => Receiver.start()))
  for (const each of all) t.teardown(() => each.close())
  return all
}

/** Writes this many callbacks to each receiver in turn; the key goes over several of them. */
async function write(stage: Stage, to: readonly Receiver[], from: number, upTo: number): Promise<void> {
  for (let n = from; n < upTo; n += 1) {
    const url = to[n % to.length]?.url('/hook') ?? ''
    await stage.send({ n, key: n % 30 }, { url, key: `k${n % 30}` })
  }
}

/** The relays that serve, by what they say of themselves. */
async function serving(stage: Stage): Promise<string[]> {
  const rows = await stage.query<{ name: string }>(
    'select r.name from outbox.relay r join outbox.pulse p on p.epoch = r.epoch where p.serving order by 1',
  )
  return rows.map(({ name }) => name)
}

t.test('two relays share the origins, each has those of one alone, and neither sends what the other has', async t => {
  const stage = await Stage.open(t)
  const all = await receivers(t)
  const a = await stage.relay({ name: 'a' })
  await stage.relay({ name: 'b' })
  await a.until('origins_divided', line => line.among === 2)
  // Who gains an origin from a living relay waits so long.
  await pause(handOverMs)
  await write(stage, all, 0, 200)
  await stage.drained()
  const sent = await stage.query<{ origin: string; relays: string[] }>(
    `select c.origin, array_agg(distinct a.relay) as relays
       from outbox.callback c join outbox.attempt a on a.callback_id = c.id group by 1`,
  )
  t.equal(sent.length, origins)
  for (const { origin, relays } of sent) t.equal(relays.length, 1, `${origin} was served by ${relays.join(' and ')}`)
  t.same([...new Set(sent.flatMap(({ relays }) => relays))].sort(), ['a', 'b'])
  const arrived = all.reduce((sum, { arrivals }) => sum + arrivals.length, 0)
  t.equal(arrived, 200, 'each once')
})

t.test('order per key holds while origins change hands under load', async t => {
  const stage = await Stage.open(t)
  const all = await receivers(t)
  const order: { key: string; n: number }[] = []
  for (const each of all)
    each.answer = ({ fields }) => {
      order.push({ key: fields.get('key') ?? '', n: Number(fields.get('n')) })
      return 200
    }
  await stage.relay({ name: 'a' })
  await write(stage, all, 0, 600)
  const b = await stage.relay({ name: 'b' })
  await write(stage, all, 600, 900)
  b.kill('SIGTERM')
  await stage.drained()
  const last = new Map<string, number>()
  for (const { key, n } of order) {
    if (n <= (last.get(key) ?? -1)) t.fail(`key ${key}: ${n} after ${last.get(key)}`)
    last.set(key, n)
  }
  t.equal(order.length, 900)
})

t.test('the origins of a killed relay flow again within seconds, and those of a stopped one at once', async t => {
  const stage = await Stage.open(t)
  const all = await receivers(t)
  const a = await stage.relay({ name: 'a', lease: '20s' })
  const b = await stage.relay({ name: 'b', lease: '20s' })
  await eventually(async () => assert.deepEqual(await serving(stage), ['a', 'b']))
  a.kill('SIGKILL')
  const killedAt = performance.now()
  await write(stage, all, 0, 100)
  await stage.drained(15_000)
  t.ok(performance.now() - killedAt < 15_000, 'before its lease had run out')
  const c = await stage.relay({ name: 'c' })
  await eventually(async () => assert.deepEqual(await serving(stage), ['b', 'c']))
  b.kill('SIGTERM')
  t.same(await b.exited, { code: 0, signal: null })
  await write(stage, all, 100, 200)
  await stage.drained(10_000)
  c.kill('SIGTERM')
  await c.exited
  t.same(await stage.query('select name from outbox.relay'), [])
})

t.test('two relays may have the same name', async t => {
  const stage = await Stage.open(t)
  await stage.relay({ name: 'same' })
  await stage.relay({ name: 'same' })
  await eventually(async () => assert.deepEqual(await serving(stage), ['same', 'same']))
})

t.test(
  'a rolling change of settings: the new relay stands by and fails nothing, and goes on when the old one is stopped',
  async t => {
    const stage = await Stage.open(t)
    const old = await stage.relay({ name: 'old' })
    const fresh = await stage.relay({ name: 'new', allow: '127.0.0.0/8,::1,10.1.2.3', 'max-attempts': 1 })
    await fresh.until('standing_by')
    await write(stage, [stage.receiver], 0, 50)
    await stage.drained()
    const by = () => stage.query('select relay, outcome, count(*)::int from outbox.attempt group by 1, 2')
    t.same(await by(), [{ relay: 'old', outcome: 'delivered', count: 50 }])
    // Why it stands by is said in its next renewal.
    const status = await eventually(async () => {
      const { out } = await ringback(['status'], { DATABASE_URL: stage.database.url })
      assert.match(
        out,
        /relay new: stands by, since .* \(they differ in (--max-attempts, --allow|--allow, --max-attempts)\)/,
      )
      return out
    })
    t.notMatch(status, /10\.1\.2\.3/)
    old.kill('SIGTERM')
    t.same(await old.exited, { code: 0, signal: null })
    await fresh.until('standby_over')
    await write(stage, [stage.receiver], 50, 60)
    await stage.drained()
    t.equal((await stage.query("select from outbox.attempt where relay = 'new' and outcome = 'delivered'")).length, 10)
    t.same(await stage.query("select id from outbox.callback where status = 'dead'"), [])
  },
)
