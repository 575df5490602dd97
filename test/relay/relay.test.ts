import t from 'tap'
import { parse } from '../../src/config/config.ts'
import { Sessions } from '../../src/outbox/sessions.ts'
import { Relay } from '../../src/relay/relay.ts'
import { silentLog } from '../fixtures/silent-log.ts'
import { Stage } from '../fixtures/stage.ts'

t.test('what must not happen while delivering ends the relay, with its reason', async t => {
  const stage = await Stage.withSession(t)
  const { config } = parse('run', ['--name=relay'], {})
  const relay = new Relay(config, silentLog, () => Promise.reject(new Error('out of luck')))
  const connection = { connectionString: stage.database.url }
  const common = { schema: 'outbox', timeoutMs: 10_000, prepared: true, relay: 'relay' }
  const id = await stage.insert()
  const sessions = await Sessions.open({
    ...common,
    connection,
    leaseMs: config.leaseMs,
    former: [],
    standbyAwaited: () => {},
  })
  await t.rejects(relay.serve(sessions, null), {
    code: 'RINGBACK_DEFECT',
    message: `delivering callback ${id}: out of luck; this is a defect of Ringback`,
  })
  await relay.abandon()
})
