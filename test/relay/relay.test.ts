import t from 'tap'
import { parse } from '../../src/config/config.ts'
import type { Session } from '../../src/outbox/session.ts'
import { Sessions } from '../../src/outbox/sessions.ts'
import { claimedPageEntries } from '../../src/policy/tuning.ts'
import { Relay } from '../../src/relay/relay.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

const { config } = parse('run', ['--name=relay'], {})

function sessionsOf(stage: Stage): Promise<Sessions> {
  return Sessions.open({
    schema: 'outbox',
    timeoutMs: 10_000,
    prepared: true,
    relay: 'relay',
    connection: { connectionString: stage.database.url },
    leaseMs: config.leaseMs,
    former: [],
    standbyAwaited: () => {},
  })
}

t.test('what must not happen while delivering ends the relay, with its reason', async t => {
  const stage = await Stage.withSession(t)
  const relay = new Relay(config, silentLog, () => Promise.reject(new Error('out of luck')))
  const id = await stage.insert()
  const sessions = await sessionsOf(stage)
  await t.rejects(relay.serve(sessions, null), {
    code: 'RINGBACK_DEFECT',
    message: `delivering callback ${id}: out of luck; this is a defect of Ringback`,
  })
  await relay.abandon()
})

t.test('claims of the dead are searched for at leisure at the start, and at once after a lost connection', async t => {
  const stage = await Stage.open(t)
  const relay = new Relay(config, silentLog)
  const first = await sessionsOf(stage)
  const served = relay.serve(first, null)
  t.equal(await orphanPage(first.read), claimedPageEntries.regular)
  await stage.query('select pg_terminate_backend($1)', [first.read.pid])
  await t.rejects(served)
  const second = await sessionsOf(stage)
  const servedAgain = relay.serve(second, null)
  t.equal(await orphanPage(second.read), claimedPageEntries.wanted)
  await relay.stop()
  await servedAgain
})

/** Resolves with the most entries of the next page that this session reads for orphaned claims. */
function orphanPage(session: Session): Promise<unknown> {
  const rows = session.rows.bind(session)
  return new Promise(resolve => {
    session.rows = (statement, values = []) => {
      if (statement.name === 'ringback_orphans_fresh') resolve(values[1])
      return rows(statement, values)
    }
  })
}
