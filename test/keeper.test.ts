import t from 'tap'
import { Holdings } from '../src/holdings.ts'
import { Keeper } from '../src/keeper.ts'
import { Lease, systemClocks } from '../src/lease.ts'
import { createLog } from '../src/observe/log.ts'
import type { Session } from '../src/outbox/session.ts'
import { Sequencer } from '../src/sequencer.ts'
import { Stage } from './outbox/stage.ts'

const stage = await Stage.open(t)

function keeper() {
  const holdings = new Holdings()
  const lease = new Lease({ leaseMs: 60_000, marginMs: 1_000 }, systemClocks)
  const settings = { concurrency: 16, ratePerSecond: null, breaker: { failures: 3, pauseMs: 1_000 } }
  const sequencer = new Sequencer({ rows: 100, settingsOf: () => settings, horizonMs: 1_000, drainMs: 5_000 })
  const log = createLog({ level: 'error', format: 'json' })
  return {
    holdings,
    keeper: new Keeper({ lease, holdings, sequencer, log }, { name: 'a', leaseMs: 60_000, observeMs: 1_000 }),
  }
}

/** The same session, of a server that seems to be another one. */
function elsewhere(session: Session): Session {
  const [rows, run] = [session.rows.bind(session), session.run.bind(session)]
  return { rows, run, server: 'another' } as unknown as Session
}

t.test('a server in the place of another is not trusted to know what was sent: all lanes get new epochs', async t => {
  const { keeper: a, holdings } = keeper()
  const epochs = () => [...new Set(holdings.owned.map(({ epoch }) => epoch))]
  let session = await stage.another()
  await a.start(session)
  t.same([holdings.size, epochs()], [64, ['1']])

  await session.close()
  session = await stage.another()
  await a.start(session)
  t.same([holdings.size, epochs()], [64, ['1']], 'another connection alone is no reason')

  await session.close()
  session = await stage.another()
  await a.start(elsewhere(session))
  t.same([holdings.size, epochs()], [64, ['2']])
  t.equal(a.name, 'a')
})
