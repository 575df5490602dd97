import assert from 'node:assert/strict'
import t from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { Stage } from '../fixtures/stage.ts'

const junk = [
  '',
  'junk',
  '{"a":',
  '"',
  'null',
  '[]',
  '{"__proto__":{"a":1}}',
  `'; drop schema outbox cascade; --`,
  '\u0001\u001b[31m',
  '\ud83d\ude00',
  'x'.repeat(7_999),
  '{'.repeat(7_999),
]

t.test('a role without any rights notifies whatever and however much it likes, and the relay goes on', async t => {
  const stage = await Stage.open(t)
  const relay = await stage.relay({ 'log-level': 'trace' })
  const stranger = await stage.database.connect()
  // Of PostgreSQL's own, and nothing to us: it may not even use the schema.
  await stranger.query('set role pg_signal_backend')
  await t.rejects(stranger.query('select from outbox.lane'), { code: '42501' })
  await stage.becomes(await stage.send({ n: 0 }), 'delivered')
  for (const payload of junk) await stranger.query('select pg_notify($1, $2)', ['outbox', payload])
  await stage.becomes(await stage.send({ n: 1 }), 'delivered')
  for (const channel of ['outbox', 'outbox_echo', 'ringback']) {
    await stranger.query(`select pg_notify($1, i || ' ' || repeat('x', i % 1000)) from generate_series(1, 10000) i`, [
      channel,
    ])
  }
  await stage.becomes(await stage.send({ n: 2 }), 'delivered')
  t.equal(stage.receiver.arrivals.length, 3)
  await eventually(async () => {
    const { rows } = await stage.client.query(
      `select from pg_locks l join pg_stat_activity a using (pid)
        where a.datname = current_database() and a.application_name = 'ringback keep relay' and l.locktype = 'advisory' and l.mode = 'ExclusiveLock' and l.granted
          and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended('ringback wake outbox', 0)`,
    )
    assert.equal(rows.length, 1, 'it does not sleep')
  })
  const troubles = ['listener_lost', 'database_away', 'database_back']
  t.same(
    relay.logs.filter(({ event }) => troubles.includes(String(event))),
    [],
  )
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
})
