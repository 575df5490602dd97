import type { FaultProxy } from '../../fixtures/fault-proxy.ts'
import type { Books } from '../books.ts'
import { now } from '../clock.ts'
import { type Calm, calm, recoveryMs } from '../recovery.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import { Standby } from '../standby.ts'

/** A standby that streams may be so far behind on a busy machine, in milliseconds. */
const LAG_MS = 1_000

/**
 * Writers and relays know one address, as behind a load balancer or a floating IP: first it is that of the primary, then,
 * after nobody's for a moment, that of the standby.
 */
export const scenario: Scenario = {
  number: 8,
  title: 'a standby promoted, synchronous, then asynchronous; the old primary fenced off',
  server: { wal_keep_size: '1GB', wal_retrieve_retry_interval: '100ms' },
  async run(stage) {
    const receiver = await stage.receiver()
    await stage.server.stop()
    const second = await Standby.copy(stage, 'second')
    const third = await Standby.copy(stage, 'third')
    await stage.server.start()
    const first = await stage.reconnect()
    await second.follow(first, stage.databaseUrl)
    await first.query("alter system set synchronous_standby_names = 'second'")
    await first.query('select pg_reload_conf()')

    const address = await stage.proxy(stage.databaseUrl)
    const databaseUrl = address.via(stage.databaseUrl)
    const relays = [await stage.relay('a', { databaseUrl }), await stage.relay('b', { databaseUrl })]
    const load = { urls: [receiver.url('/mixed')], rate: 150, databaseUrl, hasOwnRows: true }
    const seconds = stage.seconds(12, 3)

    const before = await stage.writers(load)
    await stage.sleep(seconds * 1_000)
    const { rowCount } = await stage.client.query("select from pg_stat_replication where sync_state = 'sync'")
    stage.bar('commits wait for the standby', rowCount === 1)
    // The old primary lives on, and nobody reaches it.
    const synchronous = await failOver(stage, address, second)
    await stage.sleep(seconds * 1_000)
    await before.stop()
    const { books } = await stage.check()
    stage.figure(
      'synchronous: commits in doubt',
      books.written.filter(({ committedAt }) => committedAt === 'unknown').length,
    )
    stage.figure('recovery', recoveryMs(books, synchronous.calm), 'ms')

    const link = await stage.proxy(second.url)
    await third.follow(stage.client, link.via(second.url))
    const after = await stage.writers(load)
    await stage.sleep(seconds * 1_000)
    link.swallow()
    const heldAt = now() - LAG_MS
    await stage.sleep(2_000)
    const asynchronous = await failOver(stage, address, third, () => second.stop())
    await link.down()
    await stage.sleep(seconds * 1_000)
    await after.stop()
    await checkWithoutTail(stage, { heldAt, ...asynchronous })

    const { rows } = await stage.client.query<{ odd: number }>(
      `select count(*)::int as odd from outbox.callback c full join transition t using (message_id)
        where c.message_id is null or t.message_id is null`,
    )
    stage.bar('a callback is there if and only if what the scheduler wrote with it is', rows[0]?.odd === 0)
    stage.figure('restarts of relays', relays.filter(({ hasEnded }) => hasEnded).length)
    stage.bar(
      'restarts of relays 0',
      relays.every(({ hasEnded }) => !hasEnded),
    )
  },
}

/** What a standby knew when it became the primary. */
interface Promoted {
  /** From when on nobody reached the old primary, and from when on the new one; clock of writers and receivers. */
  readonly fencedAt: number
  readonly openAt: number
  readonly calm: Calm
  /** Attempts that were claimed of each callback, by its message id. */
  readonly attempts: ReadonlyMap<string, number>
}

/** Fences the old primary off, lets everybody meet the standby while it is one, and promotes it. */
async function failOver(
  stage: Stage,
  address: FaultProxy,
  standby: Standby,
  stopOld: () => Promise<void> = async () => {},
): Promise<Promoted> {
  await address.down()
  const fencedAt = now()
  await stopOld()
  stage.fault()
  address.retarget(standby.url)
  await address.up()
  await stage.sleep(1_000)
  await address.down()
  await standby.promote()
  const client = await stage.reconnect(standby.url)
  const { rows } = await client.query<{ messageId: string; attempts: number }>(
    'select message_id as "messageId", attempts from outbox.callback',
  )
  const promoted = {
    fencedAt,
    openAt: now(),
    calm: await calm(client),
    attempts: new Map(rows.map(({ messageId, attempts }) => [messageId, attempts])),
  }
  await address.up()
  return promoted
}

/**
 * What only the old primary knew is taken out of the books, and counted: transactions that the scheduler has lost too, and
 * attempts of which the new primary never heard. All else is held against what was promised, as ever.
 */
async function checkWithoutTail(stage: Stage, tail: Promoted & { readonly heldAt: number }): Promise<void> {
  const own = await stage.client.query<{ id: string }>('select message_id as id from transition')
  const survived = new Set(own.rows.map(({ id }) => id))
  const { heldAt, fencedAt, openAt, attempts } = tail
  const isForgotten = ({ messageId, committingAt }: Books['written'][number]) =>
    committingAt !== null && heldAt < committingAt && committingAt < fencedAt && !survived.has(messageId)
  let [sent, again] = [0, 0]
  const revise = (books: Books): Books => {
    const forgotten = books.written.filter(isForgotten)
    const gone = new Set(forgotten.map(({ messageId }) => messageId))
    const isUnheard = (messageId: string, attempt: number) => attempt > (attempts.get(messageId) ?? 0)
    const early = books.arrivals.filter(
      ({ messageId, attempt, at }) => heldAt < at && at < openAt && isUnheard(messageId, attempt),
    )
    sent = early.filter(({ messageId }) => gone.has(messageId)).length
    again = early.length - sent
    stage.figure(
      "asynchronous: committed, and lost with the scheduler's own rows",
      forgotten.filter(({ committedAt }) => committedAt !== 'unknown').length,
    )
    return {
      ...books,
      written: books.written.filter(line => !gone.has(line.messageId)),
      arrivals: books.arrivals.filter(arrival => !early.includes(arrival)),
      attempts: books.attempts.filter(({ messageId, attempt, startedAt }) => {
        return startedAt > tail.calm.at || !isUnheard(messageId, attempt)
      }),
    }
  }
  const { books } = await stage.check({ revise })
  stage.figure('sent of those', sent)
  stage.figure('sent again, since the old primary took the claim with it', again)
  stage.figure('recovery', recoveryMs(books, tail.calm), 'ms')
  stage.bar('the old primary took something with it', sent > 0 && again > 0)
}
