import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

t.test('an insert arrives as a form POST with its headers, and is recorded', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const id = await stage.send({ b: 1, a: ['x', 'y'], nothing: null, message: '失败 😀' }, { traceparent })
  const row = await stage.becomes(id, 'delivered')
  const [arrival] = stage.receiver.arrivals
  t.equal(stage.receiver.arrivals.length, 1)
  t.equal(arrival?.body.toString(), 'b=1&a=x&a=y&message=%E5%A4%B1%E8%B4%A5+%F0%9F%98%80')
  t.match(arrival?.headers, {
    'content-type': 'application/x-www-form-urlencoded; charset=UTF-8',
    'webhook-id': row.message_id,
    'idempotency-key': row.message_id,
    'webhook-attempt': '1',
    'webhook-timestamp': /^\d{10}$/,
    traceparent,
    'user-agent': /^Ringback\//,
    accept: '*/*',
  })
  t.same(await stage.outcomes(id), [[1, 'delivered']])
})

t.test('a receiver with settings of its own gets its headers and its deadline; the others do not', async t => {
  const stage = await Stage.open(t)
  const { origin } = new URL(stage.receiver.url('/'))
  const rule = { match: origin, deadline: '200ms', headers: { authorization: { file: 'token' }, 'x-tenant': 'a' } }
  const folder = t.testdir({ token: 'Bearer s3cret\n', 'ringback.json': JSON.stringify({ origins: [rule] }) })
  chmodSync(join(folder, 'token'), 0o600)
  stage.receiver.answer = ({ path }) => (path === '/slow' ? 'hang' : 200)
  await stage.relay({ config: join(folder, 'ringback.json') })
  await stage.becomes(await stage.send({ n: 1 }), 'delivered')
  t.match(stage.receiver.arrivals[0]?.headers, { authorization: 'Bearer s3cret', 'x-tenant': 'a' })
  const slow = await stage.send({ n: 2 }, { path: '/slow', max_attempts: 1 })
  t.match(await stage.becomes(slow, 'dead'), { last_error: 'no answer within 200 ms' })
  const other = await Receiver.start()
  t.teardown(() => other.close())
  await stage.becomes(await stage.send({ n: 3 }, { url: other.url() }), 'delivered')
  t.notOk(Object.keys(other.arrivals[0]?.headers ?? {}).some(name => /^(authorization|x-tenant)$/.test(name)))
})

t.test(
  'a receiver that answers 200 and says that it failed gets the callback again, until it says that all is well',
  async t => {
    const stage = await Stage.open(t)
    const { origin } = new URL(stage.receiver.url('/'))
    const rule = { match: origin, success: { body: { json: '/code', equals: [0] } } }
    const folder = t.testdir({ 'ringback.json': JSON.stringify({ origins: [rule] }) })
    let arrivals = 0
    stage.receiver.answer = () => ({ status: 200, body: `{"code": ${++arrivals === 1 ? 500 : 0}}` })
    await stage.relay({ config: join(folder, 'ringback.json') })
    const id = await stage.send({ n: 1 })
    await stage.becomes(id, 'delivered')
    const { rows } = await stage.client.query(
      'select outcome, http_status, error, response_excerpt from outbox.attempt where callback_id = $1 order by attempt',
      [id],
    )
    const error = 'answered 200, but /code is 500, not 0'
    t.same(rows, [
      { outcome: 'failed', http_status: 200, error, response_excerpt: '{"code": 500}' },
      { outcome: 'delivered', http_status: 200, error: null, response_excerpt: null },
    ])
  },
)

t.test('a rolled back insert is never sent', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  await stage.client.query('begin')
  await stage.send({ n: 'rolled back' })
  await stage.client.query('rollback')
  await stage.becomes(await stage.send({ n: 'committed' }), 'delivered')
  t.same(
    stage.receiver.arrivals.map(({ body }) => body.toString()),
    ['n=committed'],
  )
})

t.test('a row of a long transaction is sent once it commits, though younger rows went before', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const other = await stage.database.connect()
  await other.query('begin')
  await other.query('insert into outbox.callback (url, form) values ($1, $2)', [
    stage.receiver.url('/late'),
    '{"n": 1}',
  ])
  await stage.becomes(await stage.send({ n: 2 }), 'delivered')
  await other.query('commit')
  await stage.receiver.until(arrivals => arrivals.some(({ path }) => path === '/late'))
  await stage.drained()
})

t.test('a failing head holds up its key only, and its key goes on in order', async t => {
  const stage = await Stage.open(t)
  let failures = 2
  stage.receiver.answer = ({ path }) => (path === '/bad' && failures-- > 0 ? 503 : 200)
  await stage.relay()
  for (const n of [1, 2, 3]) await stage.send({ n }, { key: 'a', path: '/bad' })
  const other = await stage.send({ n: 9 }, { key: 'b' })
  await stage.becomes(other, 'delivered')
  await stage.drained()
  const bad = stage.receiver.arrivals.filter(({ path }) => path === '/bad')
  t.same(
    bad.map(({ body }) => body.toString()),
    ['n=1', 'n=1', 'n=1', 'n=2', 'n=3'],
  )
})

t.test(
  'what the receiver refuses for good is dead at once, what keeps failing after its attempts, each with the reason',
  async t => {
    const stage = await Stage.open(t)
    stage.receiver.answer = ({ path }) => (path === '/gone' ? 404 : path === '/broken' ? 500 : 200)
    await stage.relay()
    const refused = await stage.send({}, { path: '/gone' })
    const broken = await stage.send({}, { path: '/broken', max_attempts: 3 })
    const nowhere = await stage.send({}, { url: 'http://127.0.0.1:1/', max_attempts: 2 })
    t.match(await stage.becomes(refused, 'dead'), { attempts: 1, last_error: /^rejected: HTTP 404/ })
    t.match(await stage.becomes(broken, 'dead'), {
      attempts: 3,
      last_error: /^gave up after 3 of 3 attempts: HTTP 500/,
    })
    t.match(await stage.becomes(nowhere, 'dead'), { attempts: 2, last_error: /connect refused/ })
    t.same(await stage.outcomes(nowhere), [
      [1, 'not_sent'],
      [2, 'not_sent'],
    ])
  },
)

t.test('a callback to an address that must not be reached is dead at once, the database among them', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const { hostname, port } = new URL(stage.database.url)
  const database = await stage.send({}, { url: `http://${hostname}:${port}/` })
  const metadata = await stage.send({}, { url: 'http://[fd00:ec2::254]/' })
  t.match(await stage.becomes(database, 'dead'), {
    attempts: 1,
    last_error: /^rejected: address refused: .* own database$/,
  })
  const why = 'fd00:ec2::254 is a metadata service; --allow fd00:ec2::254 would permit it'
  t.match(await stage.becomes(metadata, 'dead'), { attempts: 1, last_error: `rejected: address refused: ${why}` })
  t.same(await stage.outcomes(metadata), [[1, 'rejected']])
})

t.test('due_at is not before, expires_at not after', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/down' ? 500 : 200)
  await stage.relay()
  const dueAt = new Date(Date.now() + 2_500)
  const later = await stage.send({ n: 'later' }, { due_at: dueAt })
  const expired = await stage.send({}, { expires_at: new Date(Date.now() - 1_000) })
  const expiring = await stage.send({}, { path: '/down', expires_at: new Date(Date.now() + 1_000) })
  t.match(await stage.becomes(expired, 'dead'), { attempts: 0, last_error: 'expired' })
  t.match((await stage.becomes(expiring, 'dead')).last_error, /^expired; last attempt: HTTP 500/)
  await stage.becomes(later, 'delivered')
  const { rows } = await stage.client.query<{ id: string }>(
    `select a.callback_id as id from outbox.attempt a where a.callback_id = $1 and a.started_at >= $2`,
    [later, dueAt],
  )
  t.equal(rows.length, 1)
})

t.test('a callback expires on hold, and while its receiver rests; its key goes on', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/busy' ? { status: 503, headers: { 'retry-after': '60' } } : 200)
  const other = await Receiver.start()
  t.teardown(() => other.close())
  await stage.client.query(`insert into outbox.hold (url_prefix, reason) values ($1, 'test')`, [
    stage.receiver.url('/held'),
  ])
  await stage.relay()
  const expires_at = new Date(Date.now() + 1_500)
  const held = await stage.send({}, { path: '/held', key: 'held', expires_at })
  const busy = await stage.send({}, { path: '/busy', key: 'busy', expires_at })
  const next = [
    await stage.send({}, { url: other.url(), key: 'held' }),
    await stage.send({}, { url: other.url(), key: 'busy' }),
  ]
  t.match(await stage.becomes(held, 'dead'), { attempts: 0, last_error: 'expired' })
  t.match((await stage.becomes(busy, 'dead')).last_error, /^expired; last attempt: HTTP 503/)
  for (const id of next) await stage.becomes(id, 'delivered')
})

t.test('what waits to be tried again goes at once when an operator says so', async t => {
  const stage = await Stage.open(t)
  let isWell = false
  stage.receiver.answer = () => (isWell ? 200 : 500)
  await stage.relay({ 'retry-base': '1h', 'retry-cap': '1h' })
  const ids = [await stage.send({}, { path: '/a' }), await stage.send({}, { path: '/b', key: 'b' })]
  for (const id of ids) await eventually(async () => assert.equal((await stage.outcomes(id)).length, 1))
  isWell = true
  const now = await ringback(['replay', '--now', '--url', stage.receiver.url('/')], {
    DATABASE_URL: stage.database.url,
  })
  t.match(now, { code: 0, out: '2 callbacks are due now\n' })
  for (const id of ids) t.match(await stage.becomes(id, 'delivered'), { attempts: 2 })
})

t.test('what is due already, and waits for a receiver that rests, goes at once when an operator says so', async t => {
  const stage = await Stage.open(t)
  let isWell = false
  stage.receiver.answer = () => (isWell ? 200 : 500)
  await stage.relay({ 'breaker-failures': 1, 'breaker-pause': '1h' })
  const id = await stage.send({})
  await eventually(async () => {
    // A rest that has just begun is not ended.
    const due = await stage.query(`
      select from outbox.callback where status = 'pending' and attempts = 1 and due_at < clock_timestamp() - interval '2 s'`)
    assert.equal(due.length, 1)
  })
  isWell = true
  const now = await ringback(['replay', '--now', '--url', stage.receiver.url('/')], {
    DATABASE_URL: stage.database.url,
  })
  t.match(now, { code: 0, out: '1 callback is due now\n' })
  await stage.becomes(id, 'delivered')
})

t.test('an operator replays, cancels and amends by SQL', async t => {
  const stage = await Stage.open(t)
  let isFixed = false
  stage.receiver.answer = ({ path }) => (path === '/fragile' && !isFixed ? 404 : 200)
  await stage.relay({ 'retry-base': '1h', 'retry-cap': '1h' })
  const dead = await stage.send({ n: 'dead' }, { path: '/fragile' })
  const before = await stage.becomes(dead, 'dead')
  isFixed = true
  await stage.client.query(`update outbox.callback set status = 'pending' where status = 'dead'`)
  const after = await stage.becomes(dead, 'delivered')
  t.equal(after.message_id, before.message_id)
  t.same(
    stage.receiver.arrivals.map(({ headers }) => [headers['webhook-id'], headers['webhook-attempt']]),
    [
      [before.message_id, '1'],
      [before.message_id, '2'],
    ],
  )

  const due_at = new Date(Date.now() + 3_600_000)
  const cancelled = await stage.send({ n: 'cancelled' }, { due_at })
  const amended = await stage.send({ n: 'old' }, { url: 'http://127.0.0.1:1/' })
  await eventually(async () => assert.deepEqual(await stage.outcomes(amended), [[1, 'not_sent']]))
  await stage.client.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled])
  await eventually(() =>
    stage.client.query('update outbox.callback set url = $2, form = $3 where id = $1', [
      amended,
      stage.receiver.url('/new'),
      '{"n": "new"}',
    ]),
  )
  await stage.becomes(amended, 'delivered')
  t.same(
    stage.receiver.arrivals.slice(2).map(({ body }) => body.toString()),
    ['n=new'],
  )
  t.equal((await stage.row(cancelled)).attempts, 0)
})

t.test('a cancelled head lets its key go on', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/bad' ? 500 : 200)
  await stage.relay({ 'retry-base': '1h', 'retry-cap': '1h' })
  const head = await stage.send({ n: 1 }, { key: 'k', path: '/bad' })
  const next = await stage.send({ n: 2 }, { key: 'k' })
  await eventually(async () => assert.deepEqual(await stage.outcomes(head), [[1, 'failed']]))
  await stage.client.query(`update outbox.callback set status = 'cancelled' where id = $1`, [head])
  await stage.becomes(next, 'delivered')
  t.match(await stage.row(head), { status: 'cancelled', attempts: 1 })
})

t.test('a held prefix waits, and goes on in order when the hold is lifted', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  await stage.client.query('insert into outbox.hold (url_prefix, reason) values ($1, $2)', [
    stage.receiver.url('/held'),
    'maintenance',
  ])
  for (const n of [1, 2, 3]) await stage.send({ n }, { key: 'k', path: '/held' })
  await stage.becomes(await stage.send({ n: 9 }, { path: '/free' }), 'delivered')
  t.equal(stage.receiver.arrivals.filter(({ path }) => path === '/held').length, 0)
  await stage.client.query('delete from outbox.hold')
  await stage.drained()
  t.same(
    stage.receiver.arrivals.filter(({ path }) => path === '/held').map(({ body }) => body.toString()),
    ['n=1', 'n=2', 'n=3'],
  )
})

t.test('what was held starts slowly when the hold is lifted: one POST, and more when it went well', async t => {
  const stage = await Stage.open(t)
  await stage.relay()
  const prefix = stage.receiver.url('/held')
  await stage.client.query('insert into outbox.hold (url_prefix, reason) values ($1, $2)', [prefix, 'maintenance'])
  const held = 12
  for (let n = 0; n < held; n += 1) await stage.send({ n }, { path: '/held' })
  await stage.becomes(await stage.send({ n: 99 }, { path: '/free' }), 'delivered')
  // Nothing of it is in memory any more, nor known to be worth a read.
  await eventually(async () =>
    assert.deepEqual(await stage.query('select origins from outbox.pulse'), [{ origins: 0 }]),
  )
  t.equal(stage.receiver.arrivals.length, 1)
  let open = 0
  const openAtArrival: number[] = []
  stage.receiver.answer = async () => {
    open += 1
    openAtArrival.push(open)
    await pause(50)
    open -= 1
    return 200
  }
  await stage.client.query('delete from outbox.hold')
  await stage.drained()
  t.equal(openAtArrival.length, held)
  t.same(openAtArrival.slice(0, 2), [1, 1], 'the second waited for the answer to the first')
})

t.test(
  'of reports that supersede one another the newest is sent, and what was tried or waits is cancelled',
  async t => {
    const stage = await Stage.open(t)
    stage.receiver.answer = ({ fields }) => (fields.get('n') === '1' ? 503 : 200)
    await stage.relay({ 'retry-base': '10s', 'retry-cap': '10s' })
    const report = (n: number) => stage.send({ n }, { key: 'k', supersede_key: 'progress' })
    const tried = await report(1)
    await stage.receiver.until(arrivals => arrivals.length === 1)
    await eventually(async () => assert.equal((await stage.row(tried)).status, 'pending'))
    const done = await stage.send({ n: 0 }, { key: 'k' })
    const newest = await report(2)
    t.match(await stage.becomes(tried, 'cancelled'), { attempts: 1, last_error: `superseded by ${newest}` })
    await stage.becomes(done, 'delivered')
    await stage.becomes(newest, 'delivered')
    t.same(
      stage.receiver.arrivals.map(({ body }) => body.toString()),
      ['n=1', 'n=0', 'n=2'],
    )
  },
)

t.test('an operator idle in a transaction stops the keys of his rows and nothing else', async t => {
  const stage = await Stage.open(t)
  const mine = await stage.send({ n: 1 }, { key: 'mine' })
  const behind = await stage.send({ n: 2 }, { key: 'mine' })
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = $1 for update', [mine])
  await stage.relay()
  for (const n of [1, 2, 3, 4, 5]) await stage.becomes(await stage.send({ n }, { key: 'other' }), 'delivered')
  t.equal((await stage.row(behind)).attempts, 0)
  await operator.query('rollback')
  await stage.becomes(behind, 'delivered')
})

t.test('a receiver that never answers costs its own attempts, and is recorded as unknown', async t => {
  const stage = await Stage.open(t)
  stage.receiver.answer = ({ path }) => (path === '/hang' ? 'hang' : path === '/reset' ? 'reset' : 200)
  await stage.relay({ deadline: '500ms', 'connect-timeout': '500ms' })
  const hangs = await stage.send({}, { path: '/hang', max_attempts: 1 })
  const resets = await stage.send({}, { path: '/reset', max_attempts: 1 })
  await stage.becomes(await stage.send({}), 'delivered')
  t.match((await stage.becomes(hangs, 'dead')).last_error, /no answer within 500 ms/)
  t.match((await stage.becomes(resets, 'dead')).last_error, /reset/)
  t.same([await stage.outcomes(hangs), await stage.outcomes(resets)], [[[1, 'unknown']], [[1, 'unknown']]])
})
