import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { Lease, systemClocks } from '../../src/membership/lease.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'
import { Bell } from '../../src/relay/bell.ts'
import { Holdings } from '../../src/relay/holdings.ts'
import { isKnownDead, Keeper, kernel } from '../../src/relay/keeper.ts'
import { Sequencer } from '../../src/sequencer/sequencer.ts'
import { eventually } from '../fixtures/eventually.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

const leaseMs = 3_000
const settings = { concurrency: 1, deadlineMs: 15_000, ratePerSecond: null, breaker: { failures: 0, pauseMs: 1_000 } }

async function staged(t: Test, observeMs = 10) {
  const stage = await Stage.withSession(t)
  const log = silentLog
  const lease = new Lease({ leaseMs, marginMs: 100 }, systemClocks)
  const holdings = new Holdings()
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 5_000, drainMs: 15_000 })
  const keeper = new Keeper({ lease, holdings, sequencer, log }, { name: 'relay-a', leaseMs, observeMs })
  return { stage, session: stage.session, lease, holdings, keeper }
}

/** The session, whose replies to renewals reach nobody until they are let go. */
function holdingRenewals(session: Session) {
  let letGo = () => {}
  const gate = new Promise<void>(resolve => {
    letGo = resolve
  })
  const state = { held: 0 }
  const rows = async (statement: Statement, values?: readonly unknown[]) => {
    const reply = await session.rows(statement, values)
    if (statement.name === 'ringback_renew') {
      state.held += 1
      await gate
    }
    return reply
  }
  const run = (text: string) => session.run(text)
  return { slow: { rows, run, pid: session.pid } as unknown as Session, state, letGo }
}

/** Has the keeper renew and share; the returned function ends that. */
function keeping(keeper: Keeper, session: Session): () => Promise<void> {
  let isOpen = true
  const bell = new Bell()
  const running = keeper.run(session, () => isOpen, bell, { changed: () => {}, renewed: () => {} })
  return async () => {
    isOpen = false
    bell.ring()
    await running
  }
}

t.test('a relay that has left trusts no lane again, though a renewal of its was still on its way', async t => {
  const { session, lease, holdings, keeper } = await staged(t)
  await keeper.start(session)
  t.ok(lease.isHeld)
  t.equal(holdings.lanes.length, 64)
  const { slow, state, letGo } = holdingRenewals(session)
  const stop = keeping(keeper, slow)
  await eventually(() => {
    if (state.held === 0) throw new Error('no renewal yet')
  })
  await keeper.stop(session)
  t.notOk(lease.isHeld)
  letGo()
  await stop()
  t.notOk(lease.isHeld)
  t.same(holdings.lanes, [])
})

/** The same session, of a server that seems to be another one. */
function elsewhere(session: Session): Session {
  const [rows, run] = [session.rows.bind(session), session.run.bind(session)]
  return { rows, run, pid: session.pid, server: 'another' } as unknown as Session
}

t.test('a server in the place of another is not trusted to know what was sent: all lanes get new epochs', async t => {
  const { stage, keeper, holdings } = await staged(t)
  const epochs = () => [...new Set(holdings.owned.map(({ epoch }) => epoch))]
  let session = await stage.another()
  await keeper.start(session)
  t.same([holdings.size, epochs()], [64, ['1']])

  await session.close()
  session = await stage.another()
  await keeper.start(session)
  t.same([holdings.size, epochs()], [64, ['1']], 'another connection alone is no reason')

  await session.close()
  session = await stage.another()
  await keeper.start(elsewhere(session))
  t.same([holdings.size, epochs()], [64, ['2']])
  t.equal(keeper.name, 'relay-a')
})

t.test('a relay that seldom looks at the lanes renews in time all the same', async t => {
  const { stage, session, lease, keeper } = await staged(t, 3_600_000)
  await keeper.start(session)
  const stop = keeping(keeper, session)
  await eventually(async () => {
    const [row] = await stage.query<{ renewals: string }>('select renewals from outbox.relay')
    if (Number(row?.renewals) < 2) throw new Error(`${row?.renewals} renewals`)
  })
  t.ok(lease.isHeld)
  await stop()
})

t.test(
  'a relay that was killed in a container is known dead by the next one, though that has its process id',
  { skip: process.platform === 'linux' ? false : 'only Linux tells when a process was started' },
  async t => {
    const [boot, namespace, startedAt] = kernel().split(' ')
    const { pid } = process
    t.notOk(isKnownDead({ pid, kernel: kernel() }), 'this very process lives')
    t.ok(isKnownDead({ pid, kernel: `${boot} ${namespace} ${Number(startedAt) - 1}` }), 'another had the id before')
    t.notOk(isKnownDead({ pid, kernel: `${boot} ${namespace}` }), 'it is not known when that one was started')
    t.notOk(isKnownDead({ pid, kernel: `${boot} pid:[1] 7` }), 'an id of another namespace says nothing')
    t.notOk(isKnownDead({ pid, kernel: `another ${namespace} 7` }))
    t.notOk(isKnownDead({ pid, kernel: 'unknown' }))
    const child = spawn('true')
    await once(child, 'exit')
    t.ok(isKnownDead({ pid: child.pid ?? 0, kernel: kernel() }))
  },
)
