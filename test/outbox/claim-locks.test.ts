import t from 'tap'
import type { OwnedLane } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import { takeLanes } from '../../src/outbox/lanes.ts'
import { Stage, untilBlocked, waiting } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const heir = await stage.another({ applicationName: 'ringback keep test' })
let lanes = await stage.takeAll()

/** The heir takes the lanes as the test's relay has them. */
function takeover(wanted: readonly OwnedLane[] = lanes): Promise<OwnedLane[]> {
  return takeLanes(
    heir,
    'relay-b',
    wanted.map(lane => ({ ...lane, owner: 'relay-a' })),
  )
}

t.afterEach(async () => {
  lanes = await stage.query<OwnedLane>('select id as lane, epoch from outbox.lane')
})

t.test('a stale claim returns nothing and changes nothing', async t => {
  const id = await stage.insert()
  t.equal((await takeover()).length, lanes.length)
  t.same(await claim(stage.session, [waiting(id)], lanes), [])
  t.match(await stage.row(id), { status: 'pending', attempts: 0, rev: '0' })
})

t.test('a takeover waits for a claim that is under way, and the next claim is stale', async t => {
  const [first, second] = [await stage.insert(), await stage.insert()]
  await stage.session.run('begin')
  t.match(await claim(stage.session, [waiting(first)], lanes), [{ id: first }])
  const taken = takeover()
  await untilBlocked(stage, heir, stage.session.pid)
  await stage.session.run('commit')
  t.equal((await taken).length, lanes.length)
  t.same(await claim(stage.session, [waiting(second)], lanes), [])
  t.match(await stage.row(first), { status: 'claimed', attempts: 1 })
})

t.test('a claim waits for a takeover that is under way, and is stale then', async t => {
  const id = await stage.insert()
  await heir.run('begin')
  await takeover()
  const late = claim(stage.session, [waiting(id)], lanes)
  await untilBlocked(stage, stage.session, heir.pid)
  await heir.run('commit')
  t.same(await late, [])
  t.match(await stage.row(id), { status: 'pending', attempts: 0, rev: '0' })
})

t.test('a takeover that rolls back leaves a claim that waited for it good', async t => {
  const id = await stage.insert()
  await heir.run('begin')
  await takeover()
  const late = claim(stage.session, [waiting(id)], lanes)
  await untilBlocked(stage, stage.session, heir.pid)
  await heir.run('rollback')
  t.match(await late, [{ id }])
})

t.test('a claim waits for the takeover of its own lanes only', async t => {
  const id = await stage.insert()
  const { lane } = await stage.row(id)
  await heir.run('begin')
  await takeover(lanes.filter(each => each.lane !== lane))
  t.match(
    await claim(
      stage.session,
      [waiting(id)],
      lanes.filter(each => each.lane === lane),
    ),
    [{ id }],
  )
  await heir.run('rollback')
})

t.test('a claim and a takeover lock lanes in the same order, so neither waits for the other in a circle', async t => {
  const id = await stage.insert()
  const other = await stage.database.connect()
  await other.query('begin')
  await other.query('select from outbox.lane where id = 0 for update')
  const late = claim(
    stage.session,
    [waiting(id)],
    [...lanes].sort((a, b) => b.lane - a.lane),
  )
  await untilBlocked(stage, stage.session)
  await other.query('select from outbox.lane where id > 0 for update nowait')
  const taken = takeover([...lanes].reverse())
  await untilBlocked(stage, heir)
  await other.query('commit')
  await Promise.all([late, taken])
  t.equal((await taken).length, lanes.length)
})

t.test('a row that somebody has locked is passed over, and nothing waits for it', async t => {
  const [locked, behind, free] = [
    await stage.insert({ ordering_key: 'locked' }),
    await stage.insert({ ordering_key: 'locked' }),
    await stage.insert(),
  ]
  const operator = await stage.database.connect()
  for (const strength of ['update', 'no key update', 'share']) {
    await operator.query('begin')
    await operator.query(`select from outbox.callback where id = $1 for ${strength}`, [locked])
    await stage.session.run(`begin; set local lock_timeout = '1ms'`)
    t.match(await claim(stage.session, [locked, behind, free].map(waiting), lanes), [{ id: free }], strength)
    await stage.session.run('rollback')
    await operator.query('commit')
  }
  t.match(await claim(stage.session, [locked, behind].map(waiting), lanes), [{ id: locked }])
})

/** Claims a row while an operator changes it between the claim's snapshot and its lock: the claim waits for a lane meanwhile. */
async function claimDuring(id: string, change: string) {
  const other = await stage.database.connect()
  await other.query('begin')
  await other.query('select from outbox.lane for update')
  const late = claim(stage.session, [waiting(id)], lanes)
  await untilBlocked(stage, stage.session)
  await stage.query(change, [id])
  await other.query('commit')
  return late
}

t.test('what an operator commits while a claim waits is honoured', async t => {
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', '')`)
  const update = 'update outbox.callback set'
  t.same(await claimDuring(await stage.insert(), `${update} status = 'cancelled' where id = $1`), [], 'cancelled')
  t.same(await claimDuring(await stage.insert(), `${update} url = 'https://held.test/a' where id = $1`), [], 'held')
  t.same(await claimDuring(await stage.insert(), `${update} expires_at = now() where id = $1`), [], 'expired')
  const amended = await claimDuring(await stage.insert(), `${update} form = '{"new":1}' where id = $1`)
  t.match(amended, [{ form: '{"new":1}', attempt: 1 }])
})
