import { join } from 'node:path'
import { insertBulk } from '../bulk.ts'
import { now } from '../clock.ts'
import { Journal } from '../journal.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'
import type { Stage } from '../stage.ts'
import type { WrittenLine } from '../transaction.ts'
import { during, latencyIn, type Window } from '../windows.ts'

/** Of the bulk insert so many rows are committed; the rest is rolled back, or delivering them would take the time of all other scenarios together. */
const COMMITTED = 5_000

export const scenario: Scenario = {
  number: 24,
  title: 'a writer stalled between drawing its id and inserting, a bulk insert of 1 M rows held open',
  limitSeconds: 300,
  async run(stage) {
    const receiver = await stage.receiver()
    const url = receiver.url('/ok')
    // Older rows of one origin go first, as they should: the bulk has one of its own.
    const bulkUrl = (await stage.receiver()).url('/ok')
    await Promise.all(['a', 'b'].map(name => stage.relay(name)))
    await makeStalling(stage)
    const writers = await stage.writers({ urls: [url], rate: 30, openMs: 10 })
    await stage.sleep(2_000)
    const calm = await during(() => stage.sleep(stage.seconds(12, 4) * 1_000))

    const ids: string[] = []
    const stalled = await during(async () => {
      const stalling = stall(stage, url, stage.seconds(10, 4))
      await stage.sleep(500)
      await insertBulk(stage, { name: 'meanwhile', count: 20, url: () => url, key: () => 'stalled' })
      ids.push(await stalling)
    })
    const held = await during(() => holdBulk(stage, bulkUrl))
    await writers.stop()
    stage.fault(2)

    const { books } = await stage.check({ withinMs: 90_000 })
    const overtook = books.written.filter(({ committedAt, id }) => {
      return id !== null && BigInt(id) > BigInt(ids[0] ?? '0') && Number(committedAt) < stalled.to
    })
    const others = ({ key }: WrittenLine) => !key?.startsWith('bulk') && key !== 'stalled'
    const p99 = (window: Window) => latencyIn(books, window, 99, others)
    stage.figure('ids that overtook the stalled one', overtook.length)
    stage.figure('rows in the bulk', stage.isShort ? 20_000 : 1_000_000)
    stage.figure('held open', (held.to - held.from) / 1_000, 's')
    stage.figure('others, p99: calm', p99(calm), 'ms')
    stage.figure('while one is stalled', p99(stalled), 'ms')
    stage.figure('while the bulk is open', p99(held), 'ms')
    stage.bar('rows with later ids were there before', overtook.length >= 20)
    stage.longBar('others are not held up: a second at most', Math.max(p99(stalled), p99(held)) < 1_000)
  },
}

/** An id is a default, drawn before any trigger; this one lets the row wait there. */
async function makeStalling({ client }: Stage): Promise<void> {
  await client.query(`
    create function stall() returns trigger language plpgsql as $$
    begin perform pg_sleep(split_part(new.ordering_key, ' ', 2)::float8); new.ordering_key := 'stalled'; return new; end $$;
    create trigger stall before insert on outbox.callback for each row
      when (new.ordering_key like 'stall %') execute function stall()`)
}

/** Returns its id. */
async function stall(stage: Stage, url: string, seconds: number): Promise<string> {
  const client = await connected(stage.databaseUrl)
  const insertingAt = now()
  const { rows } = await client.query<{ id: string; message_id: string }>(
    `insert into outbox.callback (url, form, ordering_key) values ($1, '{"n":"stalled"}', $2) returning id::text, message_id`,
    [url, `stall ${seconds}`],
  )
  await client.end()
  book(
    stage,
    'stalled',
    rows.map(({ id, message_id }) => lineOf(message_id, id, 'stalled', 'n=stalled', insertingAt)),
  )
  return rows[0]?.id ?? '0'
}

const BULK = `insert into outbox.callback (url, form, ordering_key)
  select $1, json_build_object('n', 'bulk-' || n), 'bulk' || n % 500 from generate_series($2::int, $3::int) n`

/** The first rows are committed after a minute, the others rolled back to a savepoint. */
async function holdBulk(stage: Stage, url: string): Promise<void> {
  const client = await connected(stage.databaseUrl)
  const until = now() + stage.seconds(60, 6) * 1_000
  const rolledBack = stage.isShort ? 15_000 : 995_000
  const insertingAt = now()
  await client.query('begin')
  const { rows } = await client.query<{ id: string; message_id: string; n: string; key: string }>(
    `${BULK} returning id::text, message_id, form ->> 'n' as n, ordering_key as key`,
    [url, 1, COMMITTED],
  )
  await client.query('savepoint rest')
  for (let n = 0; n < rolledBack; n += 5_000) await client.query(BULK, [url, n, n + 4_999])
  await stage.sleep(Math.max(0, until - now()))
  await client.query('rollback to savepoint rest')
  await client.query('commit')
  await client.end()
  book(
    stage,
    'bulk',
    rows.map(({ id, message_id, n, key }) => lineOf(message_id, id, key, `n=${n}`, insertingAt)),
  )
}

function lineOf(messageId: string, id: string, key: string, body: string, insertingAt: number): WrittenLine {
  return { messageId, id, key, insertingAt, committingAt: insertingAt, committedAt: now(), bodies: [body] }
}

function book(stage: Stage, name: string, lines: readonly WrittenLine[]): void {
  const journal = new Journal(join(stage.folder, `written-${name}.jsonl`))
  journal.write(...lines)
  journal.close()
}
