import { insertBulk } from '../bulk.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { during, latencyIn } from '../windows.ts'

const OTHERS = 'other'

/** Thousands of holds, each of one URL of an origin, over many waiting rows; they come and go while other origins have traffic. */
export const scenario: Scenario = {
  number: 28,
  title: 'thousands of holds over a great many waiting rows, added and lifted during traffic',
  async run(stage) {
    const held = await stage.receiver({ hosts: ['127.0.0.1'] })
    const receiver = await stage.receiver({ hosts: ['127.0.0.1'] })
    await stage.relay('a')
    const well = { urls: [receiver.url('/ok')], processes: 1, connections: 4, rate: 40, openMs: 5, keyPrefix: OTHERS }
    const writers = await stage.writers(well)
    const calm = await during(() => stage.sleep(stage.seconds(20, 5) * 1_000))

    const holds = stage.seconds(3_000, 300)
    const count = stage.seconds(300_000, 6_000)
    const url = (n: number) => held.url(`/ok/${n % holds}`)
    await hold(stage, held.url('/ok/'), holds)
    await insertBulk(stage, { name: 'held', count, url, key: n => (n % 5 === 0 ? `held${n % 50_000}` : null) })
    const expiring = await stage.client.query<{ id: string }>(
      `insert into outbox.callback (url, form, expires_at) select $1, '{"n":"expires"}', clock_timestamp() + interval '3 s' from generate_series(1, 20) returning id`,
      [url(1)],
    )
    const meanwhile = await during(async () => {
      for (let round = 0; round < stage.seconds(30, 8); round += 1) {
        const [from, upTo] = [(round * 37) % holds, ((round * 37) % holds) + 20]
        await stage.client.query('delete from outbox.hold where id between $1 and $2', [from, upTo])
        await hold(stage, held.url('/ok/'), 10, from)
        stage.fault(2)
        await stage.sleep(1_000)
      }
    })
    const late = await stage.client.query(
      `select from outbox.callback where id = any ($1) and status = 'pending' and expires_at < clock_timestamp() - interval '2 s'`,
      [expiring.rows.map(({ id }) => id)],
    )
    await writers.stop()
    await stage.client.query(`delete from outbox.callback where id = any ($1) and status = 'dead'`, [
      expiring.rows.map(({ id }) => id),
    ])
    await stage.client.query('delete from outbox.hold')

    const { books } = await stage.check({ withinMs: 600_000 })
    const p99 = (window: typeof calm) => latencyIn(books, window, 99, ({ key }) => key?.startsWith(OTHERS) ?? false)
    stage.figure('holds', holds)
    stage.figure('rows on hold', count)
    stage.figure("others' p99: calm", p99(calm), 'ms')
    stage.figure('beside the holds', p99(meanwhile), 'ms')
    stage.bar('no row past its expiry stays pending', late.rowCount === 0)
    stage.longBar("others' p99 at most twice the calm one", p99(meanwhile) <= 2 * p99(calm))
  },
}

/** Holds so many URLs below this one, each alone. */
async function hold(stage: Stage, below: string, count: number, from = 0): Promise<void> {
  await stage.client.query(
    `insert into outbox.hold (url_prefix, exact, reason) select $1 || n, true, 'test' from generate_series($2::int, $2::int + $3::int - 1) n`,
    [below, from, count],
  )
}
