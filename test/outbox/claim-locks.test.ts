import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { bury, register, renew } from '../../src/outbox/registration.ts'
import { expire, giveUp } from '../../src/outbox/settle.ts'
import { identity, pulse, Stage, untilBlocked } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const heir = await stage.another({ applicationName: 'ringback keep test' })
let epoch = '100'

t.beforeEach(async () => {
  epoch = await stage.register(String(Number(epoch) + 1))
})

/** A claim never waits for anybody, so neither does this one. */
async function claimed(...ids: string[]): Promise<string[]> {
  await stage.session.run(`set lock_timeout = '1ms'`)
  return (await claim(stage.session, epoch, ids)).map(({ id }) => id)
}

t.test('after a burial a claim gets nothing and changes nothing', async t => {
  const id = await stage.insert()
  t.equal(await bury(heir, epoch, null), true)
  t.same(await claimed(id), [])
  t.match(await stage.row(id), { status: 'pending', attempts: 0, rev: '0' })
})

t.test('a burial waits for a claim that is under way, and there is none after it', async t => {
  const [first, second] = [await stage.insert(), await stage.insert()]
  await stage.session.run('begin')
  t.same(await claimed(first), [first])
  const buried = bury(heir, epoch, null)
  await untilBlocked(stage, heir, stage.session.pid)
  await stage.session.run('commit')
  t.equal(await buried, true)
  t.same(await claimed(second), [])
  t.match(await stage.row(first), { status: 'claimed', attempts: 1 })
})

t.test('a claim does not wait for a burial that is under way: it gets nothing', async t => {
  const id = await stage.insert()
  const late = await stage.insert({ expires_at: 'yesterday' })
  for (const end of ['rollback', 'commit']) {
    await heir.run('begin')
    await bury(heir, epoch, null)
    t.same(await claimed(id), [], end)
    t.same(await expire(stage.session, epoch, [late]), [], end)
    t.same(await giveUp(stage.session, epoch, [{ id, reason: 'odd' }]), [], end)
    await heir.run(end)
    if (end === 'rollback') t.same(await claimed(id), [id], 'a burial that did not happen leaves it good')
  }
  t.match(await stage.row(late), { status: 'pending', rev: '0' })
})

t.test('renewals are rows of another table, and make no claim skip or wait', async t => {
  await heir.run('begin')
  t.match(await renew(heir, epoch, [], pulse), { renewed: [epoch] })
  const id = await stage.insert()
  t.same(await claimed(id), [id])
  await heir.run('commit')
})

t.test('a burial of one relay is nothing to the claims of another', async t => {
  const other = String(Number(epoch) + 1_000)
  await register(heir, { ...identity, epoch: other, name: 'relay-b' }, pulse)
  const id = await stage.insert()
  await heir.run('begin')
  await bury(heir, other, null)
  t.same(await claimed(id), [id])
  await heir.run('commit')
})

t.test('a registration of another server is void, and so is one of this server before it was started anew', async t => {
  const id = await stage.insert()
  for (const started of ['1 s', '-1 s']) {
    await stage.query(`update outbox.relay set server = pg_postmaster_start_time() + $2 where epoch = $1`, [
      epoch,
      started,
    ])
    t.same(await claimed(id), [], started)
  }
  await stage.query('update outbox.relay set server = default where epoch = $1', [epoch])
  t.same(await claimed(id), [id])
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
    await stage.session.run('begin')
    t.same(await claimed(locked, behind, free), [free], strength)
    await stage.session.run('rollback')
    await operator.query('commit')
  }
  t.same(await claimed(locked, behind), [locked])
})

/**
 * Claims a row while `change` happens between the claim's snapshot and its lock: the claim works out whether the row is held
 * then, and waits in a function that is asked for that.
 */
async function claimDuring(id: string, change: () => Promise<unknown>): Promise<string[]> {
  const gate = await stage.database.connect()
  await gate.query('select pg_advisory_lock(42)')
  await stage.session.run(`set lock_timeout = '10s'`)
  const late = claim(stage.session, epoch, [id])
  try {
    await untilBlocked(stage, stage.session)
    await change()
  } finally {
    await gate.query('select pg_advisory_unlock(42)')
  }
  return (await late).map(({ form }) => form)
}

t.test('what is committed between the snapshot of a claim and its lock', async t => {
  await stage.query(`
    create or replace function outbox.rest_of(url text) returns text language plpgsql immutable as $$
    begin
      perform pg_advisory_xact_lock_shared(42);
      return regexp_replace(url, '^[^/]*//[^/?]*/?', '/');
    end $$;
    insert into outbox.hold (url_prefix, reason) values ('https://receiver.test/none', ''), ('https://held.test/', '')`)
  const update = (id: string, change: string) => () =>
    stage.query(`update outbox.callback set ${change} where id = $1`, [id])

  await t.test('of an operator is honoured', async t => {
    for (const change of [
      `status = 'cancelled'`,
      `url = 'https://held.test/a'`,
      'expires_at = now()',
      `due_at = 'tomorrow'`,
    ]) {
      const id = await stage.insert()
      t.same(await claimDuring(id, update(id, change)), [], change)
    }
    const id = await stage.insert()
    t.same(
      await claimDuring(id, update(id, `form = '{"new":1}'`)),
      [],
      'what has just changed is left to the next claim',
    )
    t.match(await stage.row(id), { status: 'pending', attempts: 0 })
    const [again] = await claim(stage.session, epoch, [id])
    t.equal(again?.form, '{"new":1}')
  })

  await t.test('of another relay is honoured', async t => {
    const id = await stage.insert()
    const claimed = `status = 'claimed', attempts = 1, claimed_epoch = 200, claimed_at = now()`
    t.same(await claimDuring(id, () => stage.force(id, claimed)), [])
    t.match(await stage.row(id), { claimed_epoch: '200', attempts: 1 })
  })

  await t.test('a burial is none of it: it waits from the beginning of the claim on', async t => {
    const id = await stage.insert()
    let buried: Promise<boolean> | undefined
    const got = await claimDuring(id, async () => {
      buried = bury(heir, epoch, null)
      await untilBlocked(stage, heir, stage.session.pid)
    })
    t.same(got, ['{}'])
    t.equal(await buried, true)
  })
})
