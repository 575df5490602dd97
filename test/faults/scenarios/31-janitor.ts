import { between, pick } from '../../fixtures/random.ts'
import { replay } from '../acts.ts'
import { type Books, journals } from '../books.ts'
import type { Receiver } from '../cast.ts'
import { DELETED, watchDeletions } from '../deletions.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'
import type { Stage } from '../stage.ts'

/** How long delivered rows are kept, and from the end of a run of the janitor to the next, in milliseconds. */
const keptMs = 5_000
const hasty = { HASTY_JANITOR: JSON.stringify({ pauseMs: 1_000, keptMs }) }

/**
 * History goes while it is made, and while an operator sends out again what is about to go, reports read it, and relays die.
 * First with nothing kept of what is delivered, then with a record that lasts for seconds.
 */
export const scenario: Scenario = {
  number: 31,
  title:
    'history deleted every second under traffic, replays, a report that holds a snapshot, kill -9; and --keep-delivered 0',
  async run(stage) {
    const receiver = await stage.receiver()
    const nothing = await unkept(stage, receiver)
    await watchDeletions(stage.client)
    const relays = await Promise.all(['c', 'd'].map(name => stage.relay(name, { env: hasty })))
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 40 })
    const until = performance.now() + stage.seconds(60, 14) * 1_000
    const done = { kills: 0, replays: 0, lookedUp: 0, reports: 0, torn: 0, missing: 0 }
    await Promise.all([
      kill(stage, relays, until, { env: hasty }).then(kills => Object.assign(done, { kills })),
      replayTheOldest(stage, until).then(replays => Object.assign(done, { replays })),
      report(stage, until).then(some => Object.assign(done, some)),
      lookUp(stage, until).then(some => Object.assign(done, some)),
    ])
    await writers.stop()
    await stage.check({ keptMs, revise: books => without(books, nothing) })
    const runs = await stage.client.query<{ count: number; deleted: number; seen: number }>(
      `select count(*)::int as count, coalesce(sum(deleted), 0)::int as deleted, (select count(*)::int from ${DELETED}.callback) as seen
         from outbox.janitor_run where keep_delivered > interval '0'`,
    )
    const { rowCount: orphans } = await stage.client.query(
      'select from outbox.attempt_log l where not exists (select from outbox.callback c where c.id = l.callback_id)',
    )
    const { count = 0, deleted = 0, seen = null } = runs.rows[0] ?? {}
    stage.figure('runs of the janitor', count)
    stage.figure('deleted', deleted)
    stage.figure('replayed', done.replays)
    stage.figure('looked up', done.lookedUp)
    stage.figure('nothing kept: delivered', nothing.size)
    stage.bar('every delivered row of the kept time is found by its id, with its attempts', done.missing === 0)
    stage.bar('a report sees each callback with all of its attempts', done.torn === 0 && done.reports > 0)
    stage.bar('what the runs say they deleted is what was deleted', deleted === seen)
    stage.bar('no attempt outlives its callback', orphans === 0)
    stage.bar('the janitor deleted under traffic, and rows were replayed', deleted > 100 && done.replays > 50)
    stage.longBar('a run every three seconds, though janitors are killed', count >= 20)
  },
}

/** Relays that delete what they deliver as they record it. Returns all that was written to them. */
async function unkept(stage: Stage, receiver: Receiver): Promise<ReadonlySet<string>> {
  const options = { options: { 'keep-delivered': '0' } }
  const relays = await Promise.all(['a', 'b'].map(name => stage.relay(name, options)))
  const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 40 })
  const until = performance.now() + stage.seconds(30, 6) * 1_000
  await Promise.all([kill(stage, relays, until, options), report(stage, until)])
  await writers.stop()
  const { books } = await stage.check({ keepsDelivered: false })
  stage.bar('nothing is left of what was delivered', books.callbacks.length === 0 && books.attempts.length === 0)
  await Promise.all(relays.map(relay => relay.program.stop('SIGTERM')))
  return new Set(journals<{ messageId: string }>(stage.folder, 'written').map(({ messageId }) => messageId))
}

async function kill(
  stage: Stage,
  relays: Relay[],
  until: number,
  options: Parameters<Stage['relay']>[1],
): Promise<number> {
  let kills = 0
  for (; performance.now() < until; kills += 1) {
    await stage.sleep(between(stage.random, 2_000, 5_000))
    const victim = pick(stage.random, relays)
    victim.kill('SIGKILL')
    await victim.ended
    relays[relays.indexOf(victim)] = await stage.relay(victim.name, options)
    stage.fault()
  }
  return kills
}

/** Those that the janitor is about to delete. */
async function replayTheOldest(stage: Stage, until: number): Promise<number> {
  let count = 0
  while (performance.now() < until) {
    count += (await replay(stage, '0', 10)).count
    await stage.sleep(500)
  }
  return count
}

/** Holds a snapshot for seconds, and then sees how many callbacks it shows without all of their attempts, or the reverse. */
async function report(stage: Stage, until: number): Promise<{ reports: number; torn: number }> {
  const client = await connected(stage.databaseUrl)
  const seen = { reports: 0, torn: 0 }
  try {
    while (performance.now() < until) {
      await client.query('begin isolation level repeatable read')
      await client.query('select from outbox.callback limit 1')
      await stage.sleep(5_000)
      const { rowCount } = await client.query(`
        select from outbox.callback c
         where c.status = 'delivered' and c.attempts > (select count(distinct a.attempt) from outbox.attempt a where a.callback_id = c.id)`)
      await client.query('commit')
      seen.reports += 1
      seen.torn += rowCount ?? 0
    }
  } finally {
    await client.end()
  }
  return seen
}

/** Remembers what has just been delivered, and asks for it by its id before its time is over. */
async function lookUp(stage: Stage, until: number): Promise<{ lookedUp: number; missing: number }> {
  const client = await connected(stage.databaseUrl)
  const seen = { lookedUp: 0, missing: 0 }
  try {
    while (performance.now() < until) {
      const fresh = await client.query<{ id: string; at: string }>(
        `select id::text, statement_timestamp()::text as at from outbox.callback
          where settled_at > statement_timestamp() - interval '1 s' and status = 'delivered' limit 100`,
      )
      await stage.sleep(keptMs - 2_000)
      const ids = fresh.rows.map(({ id }) => id)
      const { rows } = await client.query<{ isInTime: boolean; found: number }>(
        `select statement_timestamp() - interval '1 ms' * ($3 - 1000) < $2::timestamptz as "isInTime", count(distinct c.id)::int as found
           from outbox.callback c join outbox.attempt a on a.callback_id = c.id and a.message_id = c.message_id
          where c.id = any ($1::bigint[])`,
        [ids, fresh.rows[0]?.at ?? null, keptMs],
      )
      if (!rows[0]?.isInTime) continue
      seen.lookedUp += ids.length
      seen.missing += ids.length - rows[0].found
    }
  } finally {
    await client.end()
  }
  return seen
}

function without(books: Books, gone: ReadonlySet<string>): Books {
  const isOwn = ({ messageId }: { messageId: string }) => !gone.has(messageId)
  const { written, arrivals, callbacks, attempts } = books
  return {
    ...books,
    written: written.filter(isOwn),
    arrivals: arrivals.filter(isOwn),
    callbacks: callbacks.filter(isOwn),
    attempts: attempts.filter(isOwn),
  }
}
