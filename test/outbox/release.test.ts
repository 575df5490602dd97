import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { bury } from '../../src/outbox/registration.ts'
import { release } from '../../src/outbox/release.ts'
import { Stage } from '../fixtures/stage.ts'
import { claimNew, claimOne } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

t.test('what was released waits again, due at once, as if it had not been claimed', async t => {
  const tried = await stage.insert({ due_at: 'yesterday' })
  await stage.force(tried, `attempts = 3, last_error = 'HTTP 500', last_http_status = 500`)
  const claims = [await claimOne(stage, epoch, tried), await claimNew(stage, epoch)]
  t.same(await release(stage.session, epoch, claims), new Set(claims.map(({ id }) => id)))
  for (const { id, rev, attempt } of claims) {
    const row = await stage.row(id)
    const rest = { claimed_epoch: null, settled_at: null, dead_at: null }
    t.match(row, { status: 'pending', attempts: attempt - 1, rev: String(rev + 1), ...rest })
    t.ok(row.due_at && Math.abs(row.due_at.getTime() - Date.now()) < 10_000, `due at ${row.due_at}`)
    t.same(await stage.outcomes(id), [], 'no attempt is on record')
  }
  t.match(await stage.row(tried), { last_error: 'HTTP 500', last_http_status: 500 })
  t.match(await claimOne(stage, epoch, tried), { attempt: 4, attemptOfBudget: 4 })
})

t.test('one that comes late hits nothing: it was released already, or claimed again under the same number', async t => {
  const first = await claimNew(stage, epoch)
  t.equal((await release(stage.session, epoch, [first])).size, 1)
  t.equal((await release(stage.session, epoch, [first])).size, 0, 'again')
  const again = await claimOne(stage, epoch, first.id)
  t.equal(again.attempt, first.attempt)
  const row = await stage.row(first.id)
  t.equal((await release(stage.session, epoch, [first])).size, 0)
  t.same(await stage.row(first.id), row)
  t.equal((await release(stage.session, epoch, [again])).size, 1)
})

t.test('only what was claimed under this registration, which need not stand any more', async t => {
  const claims = [await claimNew(stage, epoch), await claimNew(stage, epoch)]
  t.equal((await release(stage.session, '2', claims)).size, 0)
  t.equal(await bury(stage.session, epoch, null), true)
  t.equal((await release(stage.session, epoch, claims)).size, 2)
  t.same(await claim(stage.session, epoch, [claims[0]?.id ?? '']), [])
  await stage.register(epoch)
})

t.test('a row that was settled, replayed or deleted is left as it is', async t => {
  const claims = [await claimNew(stage, epoch), await claimNew(stage, epoch), await claimNew(stage, epoch)]
  const [settled = '', replayed = '', gone = ''] = claims.map(({ id }) => id)
  for (const id of [settled, replayed, gone]) await stage.force(id, `status = 'delivered', settled_at = now()`)
  await stage.query(`update outbox.callback set status = 'pending' where id = $1`, [replayed])
  await stage.query('delete from outbox.callback where id = $1', [gone])
  const rows = [await stage.row(settled), await stage.row(replayed)]
  t.same(await release(stage.session, epoch, claims), new Set())
  t.same([await stage.row(settled), await stage.row(replayed)], rows)
})

t.test('a row that somebody has locked stays claimed, and nothing waits for it', async t => {
  const [locked, free] = [await claimNew(stage, epoch), await claimNew(stage, epoch)]
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query('select from outbox.callback where id = $1 for update', [locked.id])
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.same(await release(stage.session, epoch, [locked, free]), new Set([free.id]))
  await operator.query('rollback')
  t.same(await release(stage.session, epoch, [locked]), new Set([locked.id]))
})
