import t from 'tap'
import { isLockTimeout } from '../../src/outbox/database-errors.ts'
import * as db from '../../src/outbox/lanes.ts'
import { sessionName } from '../../src/outbox/session.ts'
import type { RelayRow } from '../../src/policy/lanes.ts'
import { allLanes, Stage, untilBlocked } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const peer = await stage.another()

const identity = (name: string) => ({ name, leaseMs: 1_500, pid: 7, host: 'h', kernel: 'k', version: '1' })

async function rowOf(name: string): Promise<RelayRow> {
  const row = (await db.observe(stage.session)).relays.find(relay => relay.name === name)
  if (!row) throw new Error(`${name} is not enrolled`)
  return row
}

t.test('a fresh schema has 64 free lanes and no relay', async t => {
  t.same(await db.observe(stage.session), { lanes: allLanes, relays: [] })
})

t.test('a relay enrols, renews and leaves; each renewal moves its count', async t => {
  t.equal(await db.predecessor(stage.session, 'a'), undefined)
  const incarnation = await db.enrol(stage.session, identity('a'))
  t.same(await rowOf('a'), { name: 'a', incarnation, renewals: '0', leaseMs: 1_500 })
  t.same(await db.predecessor(peer, 'a'), { pid: 7, kernel: 'k', leaseMs: 1_500 })
  t.match(await db.renew(stage.session, 'a', incarnation), { databaseMs: Number })
  t.match(await db.renew(stage.session, 'a', incarnation), { databaseMs: Number })
  t.match(await rowOf('a'), { renewals: '2' })
  await db.leave(stage.session, 'a', incarnation)
  t.equal(await db.renew(stage.session, 'a', incarnation), undefined)
  t.same((await db.observe(stage.session)).relays, [])
})

t.test('an incarnation that was replaced can neither renew nor leave', async t => {
  const former = await db.enrol(stage.session, identity('a'))
  await db.renew(stage.session, 'a', former)
  const present = await db.enrol(peer, { ...identity('a'), pid: 8, leaseMs: 9_000 })
  t.not(present, former)
  t.equal(await db.renew(stage.session, 'a', former), undefined)
  await db.leave(stage.session, 'a', former)
  t.same(await rowOf('a'), { name: 'a', incarnation: present, renewals: '0', leaseMs: 9_000 })
  await db.leave(peer, 'a', present)
})

t.test('a relay that was found dead is buried, and cannot renew any more', async t => {
  const incarnation = await db.enrol(stage.session, identity('a'))
  const seen = await rowOf('a')
  t.same(await db.bury(peer, [seen, { ...seen, name: 'never-there' }]), ['a'])
  t.equal(await db.renew(stage.session, 'a', incarnation), undefined)
})

t.test('one that has renewed meanwhile, or has come again, is not buried', async t => {
  const incarnation = await db.enrol(stage.session, identity('a'))
  const seen = await rowOf('a')
  await db.renew(stage.session, 'a', incarnation)
  t.same(await db.bury(peer, [seen]), [])
  const again = await db.enrol(stage.session, identity('a'))
  t.same(await db.bury(peer, [seen]), [], 'renewals are 0 again, but of another incarnation')
  t.ok(await db.renew(stage.session, 'a', again))
  await db.leave(stage.session, 'a', again)
})

t.test('a lane is taken by one of two who saw it, and its epoch moves with every change of hands', async t => {
  const seen = allLanes.filter(({ lane }) => lane < 2)
  const taken = await db.takeLanes(stage.session, 'a', seen)
  t.same(taken.sort((x, y) => x.lane - y.lane), [{ lane: 0, epoch: '1' }, { lane: 1, epoch: '1' }]) // biome-ignore format: pairs
  t.same(await db.takeLanes(peer, 'b', seen), [], 'too late')
  await db.releaseLanes(peer, [{ lane: 0, epoch: '0' }])
  t.match((await db.observe(peer)).lanes[0], { owner: 'a', epoch: '1' }, 'released only by its owner')
  await db.releaseLanes(stage.session, taken)
  t.same((await db.observe(peer)).lanes.slice(0, 2), [
    { lane: 0, epoch: '2', owner: null },
    { lane: 1, epoch: '2', owner: null },
  ])
})

t.test('of two who take the same lanes at once each lane goes to one', async t => {
  const { lanes } = await db.observe(stage.session)
  const [one, two] = await Promise.all([
    db.takeLanes(stage.session, 'a', lanes),
    db.takeLanes(peer, 'b', [...lanes].reverse()),
  ])
  t.equal(one.length + two.length, 64)
  const after = (await db.observe(stage.session)).lanes
  t.same(after.filter(({ owner }) => owner === 'a').length, one.length)
  t.same(
    after.filter(({ owner }) => owner === null),
    [],
  )
})

t.test(
  'a takeover gives up after the lock timeout, and ends claims that are stuck, however long their name',
  async t => {
    // As with a relay that was stopped while its claim's reply was on the way: the transaction stays open, the lane locked.
    const plain = { connection: { connectionString: stage.database.url } }
    const stuck = await stage.another({ ...plain, applicationName: sessionName('claim', 'old'.repeat(30)) })
    const bystander = await stage.another({ ...plain, applicationName: 'ringback record old' })
    const heir = await stage.another({ ...plain, applicationName: 'ringback keep new' })
    await stuck.run('begin; select from outbox.lane where id = 5 for key share')
    const wanted = (await db.observe(heir)).lanes.filter(({ lane }) => lane === 5)
    await heir.run(`set lock_timeout = '2s'`)
    const waiting = db.takeLanes(heir, 'b', wanted)
    await untilBlocked(stage, heir, stuck.pid)
    await t.rejects(waiting, { code: '55P03' })
    t.ok(isLockTimeout(await waiting.catch(error => error)))
    await db.endStuckClaims(heir)
    t.match(await stuck.lost, /terminating connection/)
    t.equal((await db.takeLanes(heir, 'b', wanted)).length, 1)
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
    return { connection: { connectionString: url.href }, applicationName: sessionName('claim', 'old') }
  }
  const foreign = await stage.another(as(logins[0]))
  const own = await stage.another(as(logins[1]))
  for (const each of [foreign, own]) await each.run('begin; select from outbox.lane where id = 5 for key share')
  const heir = await stage.another({ ...as(logins[1]), applicationName: sessionName('keep', 'new') })
  await heir.run('select pg_sleep(2.1)')
  await db.endStuckClaims(heir)
  t.match(await own.lost, /terminating connection/)
  t.same(await foreign.rows({ name: 'alive', text: 'select 1 as alive' }), [{ alive: 1 }])
  for (const each of [foreign, heir]) await each.close()
})

t.test('a name is locked by one session, and free when that ends', async t => {
  const owner = await stage.another()
  t.equal(await db.lockName(owner, 'a'), true)
  t.equal(await db.lockName(peer, 'a'), false)
  t.equal(await db.lockName(peer, 'a-2'), true)
  await owner.close()
  t.equal(await db.lockName(peer, 'a'), true, 'close resolves when the lock is gone')
})
