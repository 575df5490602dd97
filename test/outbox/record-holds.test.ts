import t from 'tap'
import type { Attempt } from '../../src/model.ts'
import { record } from '../../src/outbox/record.ts'
import { type Columns, Stage, untilBlocked } from '../fixtures/stage.ts'
import { attempt, claimNew, dead, gone } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

const claimOne = (columns: Columns = {}) => claimNew(stage, epoch, columns)
const write = (...attempts: Attempt[]) => record(stage.session, attempts, { relay: 'relay-a', epoch }, 0)

const holdsOf = (url: string) =>
  stage.query('select url_prefix, exact, reason, held_by from outbox.hold where url_prefix = $1', [url])

t.test('a url that is gone is put on hold with the row that found it so: once, by the name of the relay', async t => {
  const url = 'https://receiver.test/gone?id=1'
  const [first, second, other] = [await claimOne({ url }), await claimOne({ url }), await claimOne({ url: `${url}0` })]
  const made = [first, second].map(key => attempt(key, gone, 'rejected', { httpStatus: 410 }))
  t.equal((await write(...made, attempt(other, dead, 'rejected'))).size, 3)
  const hold = [{ url_prefix: url, exact: true, reason: `410 Gone, callback ${first.id}`, held_by: 'relay-a' }]
  t.same(await holdsOf(url), hold)
  t.same(await holdsOf(`${url}0`), [])
  t.equal((await write(...made)).size, 0)
  t.same(await holdsOf(url), hold, 'sent again, as after a lost reply')
})

t.test('a url that is on hold is not put on hold a second time; one with a longer hold is', async t => {
  const url = 'https://receiver.test/maintained'
  const [first, second] = [await claimOne({ url }), await claimOne({ url })]
  await stage.query('insert into outbox.hold (url_prefix, reason) values ($1, $3), ($2, $3)', [url, `${url}/a`, 'x'])
  await write(attempt(first, gone, 'rejected'))
  t.match(await holdsOf(url), [{ reason: 'x' }])
  await stage.query('delete from outbox.hold where url_prefix = $1', [url])
  await write(attempt(second, gone, 'rejected'))
  t.match(await holdsOf(url), [{ reason: `410 Gone, callback ${second.id}` }])
})

t.test('a thousand urls of an origin are put on hold, and no more', async t => {
  await stage.query(
    `insert into outbox.hold (url_prefix, exact, reason) select 'https://gone.test/' || n, true, 'x' from generate_series(1, 1000) n`,
  )
  const [url, other] = ['https://gone.test/next', 'https://well.test/next']
  const [first, second, third] = [await claimOne({ url }), await claimOne({ url }), await claimOne({ url: other })]
  const made = [first, third].map(key => attempt(key, gone, 'rejected'))
  t.equal((await write(...made)).size, 2)
  t.match(await stage.row(first.id), { status: 'dead' })
  t.same(await holdsOf(url), [])
  t.equal((await holdsOf(other)).length, 1)
  await stage.query(`delete from outbox.hold where url_prefix = 'https://gone.test/7'`)
  await write(attempt(second, gone, 'rejected'))
  t.equal((await holdsOf(url)).length, 1)
})

t.test('two spellings of a url that is gone are put on hold once', async t => {
  const claims = [
    await claimOne({ url: 'https://receiver.test/spelt?' }),
    await claimOne({ url: 'https://RECEIVER.test.:443/spelt' }),
  ]
  await write(...claims.map(key => attempt(key, gone, 'rejected')))
  t.match(await stage.query(`select origin, rest from outbox.hold where rest = '/spelt'`), [
    { origin: 'https://receiver.test', rest: '/spelt' },
  ])
})

t.test('what a zombie or a resend after the release says puts nothing on hold', async t => {
  const url = 'https://receiver.test/zombie'
  const stale = await claimOne({ url })
  t.equal((await write(attempt({ ...stale, epoch: '0' }, gone, 'rejected'))).size, 0)
  t.same(await holdsOf(url), [])
  const made = attempt(stale, gone, 'rejected')
  await write(made)
  await stage.query('delete from outbox.hold where url_prefix = $1', [url])
  t.equal((await write(made)).size, 0)
  t.same(await holdsOf(url), [])
})

t.test('two relays that find a url gone at the same moment put it on hold once', async t => {
  const url = 'https://receiver.test/twice'
  const [first, second] = [await claimOne({ url }), await claimOne({ url })]
  const [early, late] = [await stage.another(), await stage.another()]
  await early.run('begin')
  t.equal((await record(early, [attempt(first, gone, 'rejected')], { relay: 'relay-a', epoch }, 0)).size, 1)
  t.equal(
    (await record(late, [attempt(second, gone, 'rejected')], { relay: 'relay-b', epoch }, 0)).size,
    1,
    'it does not wait',
  )
  await early.run('commit')
  t.match(await holdsOf(url), [{ reason: `410 Gone, callback ${first.id}` }])
})

t.test('a hold that another relay has committed since the statement began is seen', async t => {
  const url = 'https://receiver.test/between'
  const [first, second] = [await claimOne({ url }), await claimOne({ url })]
  const [early, late, gate] = [await stage.another(), await stage.another(), await stage.database.connect()]
  await stage.query(`
    create function public.gate() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(42); return new; end $$;
    create trigger gate before update on outbox.callback for each row when (old.id = ${second.id}) execute function public.gate()`)
  await gate.query('select pg_advisory_lock(42)')
  const recorded = record(late, [attempt(second, gone, 'rejected')], { relay: 'relay-b', epoch }, 0)
  await untilBlocked(stage, late)
  t.equal((await record(early, [attempt(first, gone, 'rejected')], { relay: 'relay-a', epoch }, 0)).size, 1)
  await gate.query('select pg_advisory_unlock(42)')
  t.equal((await recorded).size, 1)
  t.match(await holdsOf(url), [{ held_by: 'relay-a' }])
  await stage.query('drop trigger gate on outbox.callback')
})

t.test('an operator who is about to hold or release the same url does not keep the relay waiting', async t => {
  const url = 'https://receiver.test/idle'
  const [first, second] = [await claimOne({ url }), await claimOne({ url })]
  const operator = await stage.database.connect()
  await operator.query('begin')
  await operator.query(`insert into outbox.hold (url_prefix, reason) values ($1, 'mine')`, [url])
  await stage.session.run(`set lock_timeout = '1ms'`)
  t.equal((await write(attempt(first, gone, 'rejected'))).size, 1)
  await operator.query('delete from outbox.hold where url_prefix = $1', [url])
  t.equal((await write(attempt(second, gone, 'rejected'))).size, 1)
  await operator.query('commit')
})
