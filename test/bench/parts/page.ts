import { setTimeout as sleep } from 'node:timers/promises'
import { Page } from '../../../src/operate/page/page.ts'
import { ScreenSessions } from '../../../src/outbox/screen-sessions.ts'
import { Session } from '../../../src/outbox/session.ts'
import { freePort } from '../../fixtures/postgres/port.ts'
import { median, percentile } from '../../fixtures/statistics.ts'
import { migrate, relay } from '../contestants/ringback.ts'
import { Process } from '../processes.ts'
import { type Database, settle } from '../server.ts'
import { serving } from '../serving.ts'
import { type Note, progress, type Stage } from '../stage.ts'
import { cpuMs } from '../usage.ts'

const HISTORY = 10_000_000
const WAITING = 100_000
const VIEWERS = 5
/** As the page's script renews it. */
const RENEWAL_MS = 2_000
const WARM_UP_MS = 20_000
const WATCHED_MS = 60_000
const TIMES = 5
/** The first statements of a session read the catalog. */
const WARM_UP_TIMES = 3

/**
 * The operator's page and /metrics at 10 million rows of history, settled within a week, and 100,000 callbacks that wait for
 * 20 receivers that refuse connections.
 */
export async function pagePart(stage: Stage): Promise<void> {
  await stage.interleave({ ringback: note => measure(stage, note) }, 1)
}

async function measure(stage: Stage, note: Note): Promise<void> {
  const database = await stage.server.database()
  await migrate(database)
  await fill(database, stage.rows(HISTORY), stage.rows(WAITING))
  const [metricsPort, pagePort] = [await freePort(), await freePort()]
  const delivering = relay(database, { listen: `127.0.0.1:${metricsPort}` })
  const paths = await screens(database)
  try {
    await serving(database, 1)
    const page = Process.node('../../dist/cli.js', ['ui', `--listen=127.0.0.1:${pagePort}`], {
      ipc: false,
      env: { DATABASE_URL: database.url },
    })
    try {
      await measureViewers(database, `http://127.0.0.1:${pagePort}`, note)
      await measureScreens(`http://127.0.0.1:${pagePort}`, paths, note)
    } finally {
      await page.stop()
    }
    await measureStatements(database, paths, note)
    await measureScrapes(`http://127.0.0.1:${metricsPort}/metrics`, note)
  } finally {
    await delivering.stop()
    await database.drop()
  }
}

/** Autovacuum has not seen the newest hundredth yet. */
async function fill({ client }: Database, history: number, waiting: number): Promise<void> {
  const columns =
    'url, form, ordering_key, status, attempts, rev, last_error, last_attempt_error, last_http_status, last_epoch, last_outcome, last_relay'
  // Times from a week ago until now, in the order of n.
  const times = (n: string) => `lateral (select now() - (${history} - (${n})) * interval '7 days' / ${history} as at) t`
  const insert = (select: string) =>
    client.query(
      `insert into outbox.callback (${columns}, created_at, settled_at, dead_at, last_started_at, last_finished_at)
       select ${columns}, at - interval '1 s', at, case when status = 'dead' then at end, at - interval '30 ms', at from (${select}) rows`,
    )
  const block = Math.max(1, Math.round(history / 100))
  await insert(
    `select 'https://receiver-' || n % 200 || '.test/callbacks/' || n % 7 as url, json_build_object('n', n, 'flowId', 7, 'flowExecutionId', 31, 'code', 2) as form, 'k' || n / 2 as ordering_key,
            case when is_dead then 'dead' else 'delivered' end as status, 1 as attempts, 2 as rev, error as last_error, error as last_attempt_error,
            case when is_dead then 422 else 204 end as last_http_status, 7 as last_epoch, case when is_dead then 'rejected' else 'delivered' end as last_outcome, 'bench' as last_relay, at
       from generate_series(1, ${block}) n, ${times('n')}, lateral (select n % 1000 = 0 as is_dead) d,
            lateral (select case when is_dead then '422 Unprocessable Content' end as error) e`,
  )
  // Copies need no check of their domains, so they take a fraction of the time.
  const copy = (blocks: string) =>
    insert(
      `select ${columns}, at from outbox.callback c, generate_series(${blocks}) b, ${times(`b * ${block} + c.id`)} where c.id <= ${block} order by b, c.id`,
    )
  for (let from = 1; from < 99; from += 7) {
    await copy(`${from}, ${from + 6}`)
    progress(`page: ${(from + 7) * block} of ${history} rows`)
  }
  await settle(client)
  await copy('99, 99')
  // Ports below 21 of this machine refuse connections. Half have failed three times and wait for the next attempt.
  await client.query(
    `with written as (
       insert into outbox.callback (url, form, ordering_key, attempts, rev, created_at, claimed_at, due_at, last_error)
       select 'http://127.0.0.1:' || 1 + n % 20 || '/callbacks/' || n % 7, json_build_object('n', n, 'flowId', 7, 'flowExecutionId', 31, 'code', 2), 'w' || n / 4,
              case when has_failed then 3 else 0 end, case when has_failed then 6 else 0 end, now() - interval '20 min' - n * interval '1 ms', case when has_failed then now() - n * interval '1 ms' end,
              case when has_failed then now() + n % 1800 * interval '1 s' end, case when has_failed then 'connection refused (ECONNREFUSED)' end
         from generate_series(1, $1) n, lateral (select n % 2 = 0 as has_failed) v
       returning id, message_id, attempts
     )
     insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, error, started_at, finished_at, relay)
     select id, message_id, n, 7, 'not_sent', 'connection refused (ECONNREFUSED)', now() - (20 - n) * interval '1 min', now() - (20 - n) * interval '1 min', 'bench'
       from written, generate_series(1, attempts) n`,
    [waiting],
  )
  await client.query('analyze')
  await client.query('checkpoint')
}

/** All but the doctor, which watches for two seconds before it answers. */
async function screens({ client }: Database): Promise<string[]> {
  const { rows } = await client.query<{ dead: string; waiting: string }>(
    `select (select min(id)::text from outbox.callback where dead_at is not null) as dead, (select min(id)::text from outbox.callback where due_at is not null) as waiting`,
  )
  const { dead, waiting } = rows[0] ?? { dead: '1', waiting: '1' }
  const [well, ill] = ['https://receiver-3.test/', 'http://127.0.0.1:7/'].map(encodeURIComponent)
  return [
    '/',
    '/?span=24h',
    '/?span=7d',
    '/origins',
    `/origins/${encodeURIComponent('http://127.0.0.1:7')}`,
    ...['pending', 'claimed', 'dead', 'delivered', 'cancelled'].flatMap(status => [
      `/callbacks?status=${status}`,
      `/callbacks?status=${status}&url=${well}`,
      `/callbacks?status=${status}&url=${ill}`,
      `/callbacks?status=${status}&key=w17`,
    ]),
    `/callbacks/${dead}`,
    `/callbacks/${waiting}`,
    '/keys',
    '/holds',
    '/relays',
    '/operations',
    `/confirm?act=replay-dead&url=${well}&until=2099-01-01T00:00:00Z`,
  ]
}

async function measureViewers({ client }: Database, page: string, note: Note): Promise<void> {
  await reachable(page)
  const waits: number[] = []
  const until = performance.now() + WARM_UP_MS + WATCHED_MS
  const viewers = Array.from({ length: VIEWERS }, async (_, n) => {
    await sleep((n * RENEWAL_MS) / VIEWERS)
    for (; performance.now() < until; await sleep(RENEWAL_MS)) waits.push(await firstByteMs(`${page}/`))
  })
  await sleep(WARM_UP_MS)
  waits.splice(0)
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'ringback ui'`,
  )
  const usedMs = () => {
    const each = rows.map(({ pid }) => cpuMs(pid))
    return each.includes(undefined) ? undefined : each.reduce<number>((sum, ms = 0) => sum + ms, 0)
  }
  const [before, startedAt] = [usedMs(), performance.now()]
  await Promise.all(viewers)
  const after = usedMs()
  const share =
    before === undefined || after === undefined ? undefined : (after - before) / (performance.now() - startedAt)
  note('overview, first byte p50', median(waits), 'ms')
  note('overview, first byte at most', Math.max(...waits), 'ms')
  note('load on the database', share && share * 100, '% of a core')
}

async function measureScreens(page: string, paths: readonly string[], note: Note): Promise<void> {
  const medians: number[] = []
  for (const path of paths) {
    const waits: number[] = []
    for (let n = 0; n < TIMES; n++) waits.push(await firstByteMs(page + path))
    medians.push(median(waits))
    progress(`page: ${path}: ${waits.map(each => each.toFixed(1)).join(' ')} ms`)
  }
  note('slowest screen, first byte', Math.max(...medians), 'ms')
}

/** The same screens in this process, so that each statement can be timed: one after the other, as none slows another down. */
async function measureStatements({ url }: Database, paths: readonly string[], note: Note): Promise<void> {
  const times = new Map<string, number[]>()
  const original = Session.prototype.query
  let last: Promise<unknown> = Promise.resolve()
  Session.prototype.query = function (query, timeoutMs) {
    const next = last.then(async () => {
      const sentAt = performance.now()
      const answer = await original.call(this, query, timeoutMs)
      const name = query.text.replace(/\s+/g, ' ').trim().slice(0, 120)
      times.set(name, [...(times.get(name) ?? []), performance.now() - sentAt])
      return answer
    })
    last = next.catch(() => {})
    return next
  }
  const sessions = new ScreenSessions({ connection: () => ({ connectionString: url }), schema: 'outbox' })
  try {
    for (let n = 0; n < WARM_UP_TIMES + TIMES; n++) {
      if (n === WARM_UP_TIMES) times.clear()
      // A page of its own, so that what viewers share is read each time.
      const page = new Page(sessions)
      for (const path of paths) {
        const { pathname, searchParams: query } = new URL(path, 'http://page')
        await page.answer({ method: 'GET', path: pathname, query, form: new URLSearchParams() })
      }
    }
  } finally {
    Session.prototype.query = original
    await sessions.close()
  }
  const sorted = [...times].map(([name, all]) => [percentile(all, 90), name] as const).toSorted(([a], [b]) => b - a)
  for (const [ms, name] of sorted.slice(0, 5)) progress(`page: ${ms.toFixed(1)} ms: ${name}`)
  note('slowest statement', sorted[0]?.[0], 'ms')
}

async function measureScrapes(metrics: string, note: Note): Promise<void> {
  const waits: number[] = []
  for (let n = 0; n < 100; n++) {
    const startedAt = performance.now()
    await (await fetch(metrics)).text()
    waits.push(performance.now() - startedAt)
    await sleep(200)
  }
  note('scrape p50', median(waits), 'ms')
  note('scrape p95', percentile(waits, 95), 'ms')
}

async function firstByteMs(url: string): Promise<number> {
  const startedAt = performance.now()
  const response = await fetch(url, { redirect: 'manual' })
  const ms = performance.now() - startedAt
  await response.text()
  if (response.status !== 200) throw new Error(`${url} answers ${response.status}`)
  return ms
}

async function reachable(url: string): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end; await sleep(50))
    if (
      await fetch(url).then(
        response => response.text(),
        () => null,
      )
    )
      return
  throw new Error(`nothing answers at ${url}`)
}
