/** The example of docs/start/receiving.md runs as it stands, on the built package. */
import { spawn } from 'node:child_process'
import { createHmac, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { eventually } from '../fixtures/eventually.ts'
import { sqlFile } from '../sql/roles.ts'

const page = readFileSync(new URL('../../docs/start/receiving.md', import.meta.url), 'utf8')
const example = page.match(/^```js\n(.*?ringback\/receiver.*?)^```$/ms)?.[1] ?? ''

const secret = Buffer.alloc(32, 7)

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

t.test('the example of a receiver verifies, and gives a callback one effect', async t => {
  const { client, url } = await testDatabase(t, { migrate: false })
  await client.query(await sqlFile('receiver/inbox.sql'))
  await client.query('create table execution_state (execution bigint, code integer, message text, tags text)')
  const file = join(t.testdir({ 'example.mjs': example }), 'example.mjs')
  const port = await freePort()
  const key = `whsec_${secret.toString('base64')}`
  const env = { ...process.env, DATABASE_URL: url, PORT: String(port), RECEIVER_KEY: key }
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'inherit', 'inherit'] })
  t.teardown(async () => {
    const exited = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGKILL')) await exited
  })

  const post = async (id: string, body: string, signed = body) => {
    const timestamp = String(Math.floor(Date.now() / 1_000))
    const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${signed}`).digest('base64')
    const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
    return [response.status, await response.text()]
  }
  const id = randomUUID()
  t.same(await eventually(() => post(id, 'flowId=7&flowExecutionId=31&code=2')), [204, ''])
  t.same(await post(id, 'flowId=7&flowExecutionId=31&code=2'), [204, ''])
  t.match(await post(randomUUID(), 'flowExecutionId=31&code=3', 'flowExecutionId=31&code=2'), [
    401,
    /^no signature fits/,
  ])
  t.match(await post(randomUUID(), 'flowExecutionId=%'), [400, /^body: /])
  t.same(await post(randomUUID(), 'flowExecutionId=many&code=3'), [500, ''])
  t.same((await client.query('select execution, code from execution_state')).rows, [{ execution: '31', code: 2 }])
})
