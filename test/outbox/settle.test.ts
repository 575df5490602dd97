import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { takeLanes } from '../../src/outbox/lanes.ts'
import { expire, giveUp, park } from '../../src/outbox/settle.ts'
import { allLanes, Stage, waiting } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const lanes = await stage.takeAll()

t.test('a pending row past its expiry ends dead, without an attempt', async t => {
  const tried = await stage.insert({ expires_at: 'yesterday' })
  await stage.force(tried, `attempts = 2, claimed_epoch = 1, last_error = 'refused', last_http_status = 503`)
  const plain = await stage.insert({ expires_at: 'yesterday', due_at: '2000-01-01' })
  t.same((await expire(stage.session, [tried, plain], lanes)).sort(), [tried, plain].sort())
  t.match(await stage.row(plain), { status: 'dead', last_error: 'expired', attempts: 0, due_at: null, rev: '1' })
  const row = await stage.row(tried)
  t.match(row, { last_error: 'expired; last attempt: refused', last_http_status: 503, attempts: 2 })
  t.ok(row.settled_at && row.dead_at)
})

t.test('nothing else expires: not yet, never, claimed, settled, or in a lane that is not ours', async t => {
  const claimed = await stage.insert()
  t.equal((await claim(stage.session, [waiting(claimed)], lanes)).length, 1)
  await stage.force(claimed, `expires_at = now()`)
  const cancelled = await stage.insert({ expires_at: 'yesterday' })
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [cancelled])
  const ids = [claimed, cancelled, await stage.insert({ expires_at: 'tomorrow' }), await stage.insert()]
  t.same(await expire(stage.session, ids, lanes), [])
  const due = await stage.insert({ expires_at: 'yesterday' })
  t.same(await expire(stage.session, [due], allLanes), [], 'an old epoch')
  t.same(await expire(stage.session, [due], []), [])
  t.match(await stage.row(due), { status: 'pending', rev: '0' })
})

t.test('pending rows of our lanes are given up, each for its own reason', async t => {
  const [first, second, claimed] = [
    await stage.insert(),
    await stage.insert({ due_at: 'tomorrow' }),
    await stage.insert(),
  ]
  t.equal((await claim(stage.session, [waiting(claimed)], lanes)).length, 1)
  const rows = [claimed, second, first].map(id => ({ id, reason: `for ${id}` }))
  t.same(await giveUp(stage.session, rows, allLanes), [], 'an old epoch')
  t.same((await giveUp(stage.session, rows, lanes)).sort(), [first, second].sort())
  for (const id of [first, second]) {
    const row = await stage.row(id)
    t.match(row, { status: 'dead', last_error: `for ${id}`, attempts: 0, due_at: null, rev: '1' })
    t.ok(row.settled_at && row.dead_at)
  }
  t.match(await stage.row(claimed), { status: 'claimed' })
})

t.test('a row is parked once: never tried, or due; its attempts are kept', async t => {
  const [fresh, due] = [await stage.insert(), await stage.insert({ due_at: 'yesterday' })]
  await stage.force(due, 'attempts = 1, claimed_epoch = 1')
  t.same((await park(stage.session, [fresh, due], lanes)).sort(), [fresh, due].sort())
  t.match(await stage.row(due), { status: 'pending', due_at: Number.POSITIVE_INFINITY, attempts: 1, rev: '2' })
  t.same(await park(stage.session, [fresh, due], lanes), [], 'again')
})

t.test('a row that is not due yet keeps its time, or it would go out early', async t => {
  const later = await stage.insert({ due_at: 'tomorrow' })
  t.same(await park(stage.session, [later], lanes), [])
  t.type((await stage.row(later)).due_at, Date)
})

t.test('parking is fenced by the lane', async t => {
  const id = await stage.insert()
  const { lane } = await stage.row(id)
  t.same(await park(stage.session, [id], allLanes), [], 'an old epoch')
  t.same(
    await park(
      stage.session,
      [id],
      lanes.filter(each => each.lane !== lane),
    ),
    [],
  )
  const heir = await takeLanes(stage.session, 'relay-b', [{ lane, epoch: '1', owner: 'relay-a' }])
  t.same(await park(stage.session, [id], lanes), [], 'taken over')
  t.same(await park(stage.session, [id], heir), [id])
})

t.test('neither waits for a row that somebody has locked', async t => {
  const owned = await stage.query<{ lane: number; epoch: string }>('select id as lane, epoch from outbox.lane')
  const [old, full] = [await stage.insert({ expires_at: 'yesterday' }), await stage.insert()]
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback for update')
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.same([await expire(stage.session, [old], owned), await park(stage.session, [full], owned)], [[], []])
  await operator.query('rollback')
  t.same([await expire(stage.session, [old], owned), await park(stage.session, [full], owned)], [[old], [full]])
})
