import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { url } = await testDatabase(t)

t.test('a relay without its role ends at once, and names the grant', async t => {
  for (const role of ['outbox_producer', 'outbox_reader', 'outbox_operator']) {
    const env = { DATABASE_URL: url, PGOPTIONS: `-c role=${role}` }
    const { code, err, out } = await ringback(['run', '--name=relay', '--log-format=json'], env)
    t.equal(code, 1, role)
    t.match(`${out}${err}`, /permission denied .*; it needs the role outbox_relay: GRANT outbox_relay TO /, role)
  }
})
