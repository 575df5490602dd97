/** `make languages`: the receivers of docs/start, each of them sent to by a relay that signs. */
import assert from 'node:assert/strict'
import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { sign } from '../../src/receiver/receiver.ts'
import { eventually } from '../fixtures/eventually.ts'
import { freePort } from '../fixtures/postgres/port.ts'
import { Stage } from '../fixtures/stage.ts'
import { sqlFile } from '../sql/roles.ts'
import { receivers } from './languages.ts'
import { loginTo, missing, start } from './running.ts'

const key = `whsec_${randomBytes(32).toString('base64')}`
const otherKey = `whsec_${randomBytes(32).toString('base64')}`
const FORM = { code: 3, flowExecutionId: '9007199254740993', message: '失败 💥', tags: ['a', 'b'] }
const BODY = 'code=3&flowExecutionId=9007199254740993&message=%E5%A4%B1%E8%B4%A5+%F0%9F%92%A5&tags=a&tags=b'

t.setTimeout(600_000)
const stage = await Stage.open(t)
const effects =
  'create table execution_state (execution bigint not null, code integer not null, message text, tags text)'
await stage.query(`${await sqlFile('receiver/inbox.sql')}; ${effects}`)
const login = await loginTo(t, stage.client, stage.database.url)
await stage.query(`grant usage on schema ringback to ${login.PGUSER};
  grant select, insert, update on all tables in schema ringback to ${login.PGUSER}; grant insert on execution_state to ${login.PGUSER}`)
const config = 'origins: [{ match: "http://127.0.0.1:*", sign: { file: key } }]'
const folder = t.testdir({ 'ringback.yaml': config })
writeFileSync(join(folder, 'key'), key, { mode: 0o600 })
await stage.relay({ config: join(folder, 'ringback.yaml') })

for (const program of receivers) {
  t.test(program.file, { skip: missing(program) }, async t => {
    await stage.query('truncate execution_state')
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/`
    const env = { ...login, PORT: String(port), RECEIVER_KEY: key }
    const { printed } = start(t, program, env)
    const post = async (headers: Readonly<Record<string, string>>, body = BODY) => {
      const response = await fetch(url, { method: 'POST', headers, body })
      await response.arrayBuffer()
      return response.status
    }
    const had = async (wanted: readonly object[]) => {
      t.same(await stage.query('select * from execution_state'), wanted, printed())
    }
    const effect = { execution: FORM.flowExecutionId, code: 3, message: FORM.message, tags: 'a,b' }

    await eventually(() => post({}, ''), { deadlineMs: 60_000 })
    const id = await stage.insert({ url, form: JSON.stringify(FORM) })
    await stage.becomes(id, 'delivered')
    await had([effect])
    await stage.query(`update outbox.callback set status = 'pending' where id = $1`, [id])
    await eventually(async () =>
      assert.deepEqual(await stage.outcomes(id), [
        [1, 'delivered'],
        [2, 'delivered'],
      ]),
    )
    await had([effect])

    t.equal(await post({}), 401, 'without a signature')
    t.equal(await post(sign(BODY, otherKey)), 401, 'with another key')
    t.equal(await post(sign(BODY, key), `${BODY}&code=2`), 401, 'with another body')
    t.equal(await post(sign(BODY, key, { nowMs: Date.now() - 310_000 })), 401, 'too old')
    t.equal(await post(sign(BODY, key, { nowMs: Date.now() + 310_000 })), 401, 'of the future')
    await had([effect])

    const twice = sign(BODY, [otherKey, key])
    t.same(await Promise.all([post(twice), post(twice)]), [204, 204], 'two copies at once, signed with two keys')
    await had([effect, effect])
    const messageId = randomUUID()
    const faulty = BODY.replace(FORM.flowExecutionId, 'many')
    t.equal(await post(sign(faulty, key, { messageId }), faulty), 500, 'the effect fails')
    t.equal(await post(sign(BODY, key, { messageId })), 204, 'and is not remembered')
    for (const partial of ['flowExecutionId=1', 'code=1', ''])
      t.equal(await post(sign(partial, key), partial), 500, `a field is missing: ${partial}`)
    await had([effect, effect, effect])

    const success = { flowId: 7, flowExecutionId: 31, code: 2 }
    await stage.becomes(await stage.insert({ url, form: JSON.stringify(success) }), 'delivered')
    await had([effect, effect, effect, { execution: '31', code: 2, message: null, tags: '' }])
  })

  t.test(`${program.file}, with no key`, { skip: missing(program) }, async t => {
    const port = await freePort()
    const { exited, printed } = start(t, program, { ...login, PORT: String(port), RECEIVER_KEY: 'whsec_' })
    const request = { method: 'POST', headers: signedWithNothing(BODY), body: BODY }
    const answered = eventually(() => fetch(`http://127.0.0.1:${port}/`, request), { deadlineMs: 60_000 })
    const ended = await Promise.race([exited, answered.then(({ status }) => status)])
    t.notMatch(ended, 204, printed())
  })
}

/** What anybody can sign for a receiver that takes an empty key. */
function signedWithNothing(body: string): Record<string, string> {
  const [id, sentAt] = [randomUUID(), String(Math.floor(Date.now() / 1_000))]
  const signature = createHmac('sha256', '').update(`${id}.${sentAt}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': sentAt, 'webhook-signature': `v1,${signature}` }
}
