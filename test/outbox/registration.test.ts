import t from 'tap'
import { isLockTimeout } from '../../src/outbox/database-errors.ts'
import * as db from '../../src/outbox/registration.ts'
import { identity, pulse, Stage, untilBlocked } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const peer = await stage.another()

t.beforeEach(async () => {
  await stage.query('truncate outbox.relay, outbox.pulse')
})

const register = (epoch: string, name = 'relay-a') => db.register(stage.session, { ...identity, epoch, name }, pulse)
const renew = (epoch: string, former: readonly string[] = []) => db.renew(stage.session, epoch, former, pulse)
const epochs = async () => {
  const rows = await stage.query<{ epoch: string }>(
    'select epoch from outbox.relay natural join outbox.pulse order by 1',
  )
  return rows.map(({ epoch }) => epoch)
}

t.test('a relay registers, renews and leaves; each renewal moves its count', async t => {
  const me = {
    ...identity,
    epoch: '9223372036854775807',
    name: 'Relay "ä"',
    leaseMs: 1_500,
    startedAtMs: 1_750_000_000_123,
    forces: true,
  }
  await db.register(stage.session, me, { ...pulse, digest: 'd', wanted: 'e' })
  const { node, process, pid, kernel } = identity
  const { epoch, name, leaseMs, startedAtMs, forces } = me
  const seen = {
    epoch,
    node,
    process,
    name,
    pid,
    kernel,
    leaseMs,
    startedAtMs,
    forces,
    isAble: true,
    digest: 'd',
    wanted: 'e',
  }
  for (const renewals of ['1', '2']) {
    const { renewed, registrations, databaseMs } = await db.renew(stage.session, epoch, [], {
      ...pulse,
      digest: 'd',
      wanted: 'e',
    })
    // The statement shows what was there before it.
    t.same(
      { renewed, registrations },
      { renewed: [epoch], registrations: [{ ...seen, renewals: String(Number(renewals) - 1) }] },
    )
    t.ok(Math.abs(databaseMs - Date.now()) < 10_000)
  }
  t.equal(await db.bury(stage.session, epoch, null), true)
  t.match(await renew(epoch), { renewed: [], registrations: [] })
  t.same(await stage.query('select from outbox.relay union all select from outbox.pulse'), [])
})

t.test('what a relay says of itself arrives with each renewal', async t => {
  await register('1')
  const said = {
    serving: false,
    origins: 7,
    digest: 'other',
    wanted: null,
    settings: '{"deadline":"15s"}',
    standby: 'its settings differ',
  }
  await db.renew(stage.session, '1', [], said)
  t.match(await stage.query('select * from outbox.pulse'), [{ ...said, renewals: '1', settings: { deadline: '15s' } }])
})

t.test('a renewal changes no registration, which claims lock', async t => {
  await register('1')
  const place = () => stage.query('select ctid, xmin from outbox.relay')
  const before = await place()
  await renew('1')
  t.same(await place(), before)
})

t.test('two relays, and two registrations of one relay, stand beside one another', async t => {
  for (const epoch of ['1', '2']) await register(epoch)
  t.same(await epochs(), ['1', '2'])
  await t.rejects(register('1', 'relay-b'), { code: '23505' })
  t.same(await epochs(), ['1', '2'])
})

t.test('former registrations are renewed beside the present one, and serve nothing', async t => {
  for (const epoch of ['1', '2', '3']) await register(epoch)
  const { renewed } = await renew('2', ['1', '77'])
  t.same([...renewed].sort(), ['1', '2'], 'those that are gone are missing')
  const { registrations } = await renew('2', ['1'])
  const stands = registrations.map(({ epoch, renewals, isAble }) => [epoch, renewals, isAble]).sort()
  t.same(stands, [['1', '1', false], ['2', '1', true], ['3', '0', true]]) // biome-ignore format: a row each
})

t.test('one that is buried cannot renew any more, and is buried once', async t => {
  await register('1')
  t.equal(await db.bury(peer, '1', '0'), true)
  t.equal(await db.bury(peer, '1', '0'), false)
  t.equal(await db.bury(peer, '77', null), false, 'never there')
  t.match(await renew('1'), { renewed: [] })
})

t.test('one that has renewed since it was seen is not buried', async t => {
  await register('1')
  await renew('1')
  t.equal(await db.bury(peer, '1', '0'), false)
  t.same(await epochs(), ['1'])
  t.equal(await db.bury(peer, '1', '1'), true)
})

t.test('a renewal that is under way wins against a burial', async t => {
  for (const end of ['commit', 'rollback']) {
    const epoch = end === 'commit' ? '1' : '2'
    await register(epoch)
    await stage.session.run('begin')
    t.match(await renew(epoch), { renewed: [epoch] })
    const buried = db.bury(peer, epoch, '0')
    await untilBlocked(stage, peer, stage.session.pid)
    await stage.session.run(end)
    t.equal(await buried, end === 'rollback', end)
    t.same(await epochs(), ['1'])
  }
})

t.test('a renewal that waits for a burial says that the registration is gone', async t => {
  await register('1')
  await peer.run('begin')
  t.equal(await db.bury(peer, '1', '0'), true)
  const renewal = renew('1')
  await untilBlocked(stage, stage.session, peer.pid)
  await peer.run('commit')
  t.match(await renewal, { renewed: [] })
})

t.test('of two that bury one registration, one has done it', async t => {
  await register('1')
  const ends = await Promise.all([db.bury(stage.session, '1', '0'), db.bury(peer, '1', '0')])
  t.same(ends.sort(), [false, true])
})

t.test(
  'a burial gives up after the lock timeout, and ends claims that are stuck, however long the relay’s name',
  async t => {
    // As with a relay that was stopped while its claim's reply was on the way: the transaction stays open, the row locked.
    const plain = { connection: { connectionString: stage.database.url } }
    const [stuck, bystander, heir] = [
      await stage.another(plain),
      await stage.another(plain),
      await stage.another(plain),
    ]
    const epoch = '9223372036854775807'
    await register(epoch)
    await db.labelSession(stuck, 'claim', epoch, 'old'.repeat(30))
    await db.labelSession(bystander, 'claim', '922337203685477580', 'old')
    await stuck.run(`begin; select from outbox.relay where epoch = ${epoch} for key share`)
    await heir.run(`set lock_timeout = '2s'`)
    const waiting = db.bury(heir, epoch, '0')
    await untilBlocked(stage, heir, stuck.pid)
    await t.rejects(waiting, { code: '55P03' })
    t.ok(isLockTimeout(await waiting.catch(error => error)))
    await db.endStuckClaims(heir, epoch)
    t.match(await stuck.lost, /terminating connection/)
    t.equal(await db.bury(heir, epoch, '0'), true)
    t.same(await bystander.rows({ name: 'alive', text: 'select 1 as alive' }), [{ alive: 1 }])
  },
)

t.test('a claim that this login may not end is no error, and the others are ended', async t => {
  const logins = ['a', 'b'].map(letter => `ringback_test_login_${letter}_${process.pid}`)
  for (const login of logins) await stage.query(`create role ${login} login password 'x' in role outbox_relay`)
  t.teardown(async () => {
    for (const login of logins) await stage.query(`drop role ${login}`)
  })
  const as = (login: string | undefined) => {
    const url = new URL(stage.database.url)
    Object.assign(url, { username: login, password: 'x' })
    return stage.another({ connection: { connectionString: url.href } })
  }
  const [foreign, own, heir] = [await as(logins[0]), await as(logins[1]), await as(logins[1])]
  for (const each of [foreign, own]) await db.labelSession(each, 'claim', '5', 'old')
  await db.endStuckClaims(heir, '5')
  t.match(await own.lost, /terminating connection/)
  t.same(await foreign.rows({ name: 'alive', text: 'select 1 as alive' }), [{ alive: 1 }])
  for (const each of [foreign, heir]) await each.close()
})
