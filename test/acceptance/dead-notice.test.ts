import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'
import { sqlFile } from '../sql/roles.ts'

t.test(
  'with cookbook/on_dead.sql a callback that dies is told to the address of alerts, and no poll is waited for',
  async t => {
    const stage = await Stage.open(t)
    // The relay sleeps by then.
    stage.receiver.answer = ({ path }) => (path === '/refused' ? delay(300, 404) : 200)
    const notices = stage.receiver.url('/died')
    await stage.client.query(
      (await sqlFile('cookbook/on_dead.sql')).replace('https://alerts.example/callbacks-died', notices),
    )
    // Nothing but the record of the dead one tells the relay that there is something new.
    await stage.relay({ poll: '10m', linger: '10ms' })
    const dead = await stage.send({ n: 1 }, { path: '/refused' })
    await stage.becomes(dead, 'dead')
    await eventually(async () => {
      const [notice] = stage.receiver.arrivals.filter(({ path }) => path === '/died')
      assert.equal(notice?.fields.get('id'), dead)
      assert.equal(notice?.fields.get('reason'), 'rejected: HTTP 404 Not Found')
    })
  },
)
