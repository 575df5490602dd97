import assert from 'node:assert/strict'
import t from 'tap'
import { eventually } from '../../fixtures/eventually.ts'
import { servePage } from '../../fixtures/operators-page.ts'
import { Stage } from '../../fixtures/stage.ts'

t.test('an origin is served by the relay that its screen names, also after the other one has died', async t => {
  const stage = await Stage.open(t)
  const [a, b] = [await stage.relay({ name: 'a' }), await stage.relay({ name: 'b' })]
  for (const relay of [a, b]) await relay.until('origins_divided', ({ among }) => among === 2)
  // Nobody listens there, and an attempt in vain says who has made it.
  await stage.query(
    `insert into outbox.callback (url) select 'http://127.0.0.1:' || port || '/' from generate_series(1, 12) port`,
  )
  const attempted = await eventually(async () => {
    const rows = await stage.query<{ origin: string; by: string }>(
      `select c.origin, min(a.relay) as by from outbox.callback c join outbox.attempt a on a.callback_id = c.id group by 1`,
    )
    assert.equal(rows.length, 12)
    return rows
  })
  const address = await servePage(t, { url: stage.database.url, role: 'outbox_reader' })
  const servedBy = async (origin: string) => {
    const text = await (await fetch(`http://${address}/origins/${encodeURIComponent(origin)}`)).text()
    return text.match(/<dt>Served by<\/dt><dd><[^>]+>([^<]+)</)?.[1]
  }
  for (const { origin, by } of attempted) t.equal(await servedBy(origin), by, origin)
  const served = (by: string) =>
    eventually(async () => {
      for (const { origin } of attempted) assert.equal(await servedBy(origin), by)
    })
  a.kill('SIGKILL')
  await served('b')
  b.kill('SIGKILL')
  await served('no relay')
})
