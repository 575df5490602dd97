/** `make languages`: the producers of docs/start/producers.md, each against a relay, a receiver and a database. */
import { basename } from 'node:path'
import t from 'tap'
import { Stage } from '../fixtures/stage.ts'
import { producers, traps } from './languages.ts'
import { loginTo, missing, start } from './running.ts'

/** Above 2^53: an id that has passed through a floating point number ends with 2. */
const ID = 9007199254740993n
/** In this order; `jsonb` would make another of it. */
const DONE = `code=3&flowExecutionId=${ID}&message=%E5%A4%B1%E8%B4%A5+%F0%9F%92%A5&tags=a&tags=b`
const BULK = Array.from({ length: 1_000 }, (_, n) => `code=2&flowExecutionId=${ID + BigInt(n)}`)

t.setTimeout(600_000)
const stage = await Stage.open(t)
await stage.query('create table flow_execution (id bigint primary key, status text not null)')
const login = await loginTo(t, stage.client, stage.database.url, 'in role outbox_producer')
await stage.query(`grant select, update on flow_execution to ${login.PGUSER}`)
await stage.relay({ concurrency: 64 })

for (const program of producers) {
  t.test(program.file, { skip: missing(program) }, async t => {
    await stage.query('truncate flow_execution')
    await stage.query(`insert into flow_execution select $1::bigint + n, 'running' from generate_series(0, 1) n`, [
      String(ID),
    ])
    const path = `/${basename(program.file)}`
    const { exited, printed } = start(t, program, { ...login, CALLBACK_URL: stage.receiver.url(path) })
    t.equal(await exited, 0, printed())
    await stage.drained()
    const sent = stage.receiver.arrivals.filter(arrival => arrival.path === path).map(({ body }) => body.toString())
    t.equal(sent[0], DONE, 'committed: sent with text, 64 bits, order and repetition as written')
    t.same(sent.slice(1).sort(), BULK, 'many at once: each sent once, and nothing of what was rolled back')
    t.same(
      await stage.query('select id, status from flow_execution order by id'),
      [
        { id: String(ID), status: 'error' },
        { id: String(ID + 1n), status: 'running' },
      ],
      'the status is changed with the commit, and not with the rollback',
    )
  })
}

for (const program of traps) {
  t.test(program.file, { skip: missing(program) }, async t => {
    const { exited, printed } = start(t, program, login)
    t.same([await exited, printed()], [0, ''])
  })
}
