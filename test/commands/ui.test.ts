import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { url } = await testDatabase(t)

t.test('the page and the relay end with 1 where another program listens, and name option and address', async t => {
  const other = createServer().listen(0, '127.0.0.1')
  t.teardown(() => other.close())
  await once(other, 'listening')
  const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
  const err = `ringback: --listen: cannot listen on ${address}: another program listens there\n`
  for (const command of ['ui', 'run'])
    t.match(await ringback([command, '--listen', address], { DATABASE_URL: url }), { code: 1, err })
})
