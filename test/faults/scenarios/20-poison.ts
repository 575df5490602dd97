/**
 * Rows first in their keys that kill whoever sends them, and rows with a form that the relay cannot read, while relays of
 * before and after a migration work side by side.
 *
 * Not staged: an old and a new schema. There is one version of it so far; what `ringback migrate` can change in it is the
 * way inserts wake a relay, and this it does here, under traffic, in both directions, with relays that started before it and
 * after. Nor is there an older relay: both are of this version.
 */
import { fileURLToPath } from 'node:url'
import { migrate } from '../../../src/outbox/migrate.ts'
import { insertBulk } from '../bulk.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const POISON = 2
const UNREADABLE = 5
const FOLLOWERS = 10
/** Each kills a relay so often. */
const MAX_ATTEMPTS = 2
const env = { NODE_OPTIONS: `--import ${fileURLToPath(new URL('../poison.mjs', import.meta.url))}` }

export const scenario: Scenario = {
  number: 20,
  title: 'poison rows first in their keys, relays side by side over a migration',
  async run(stage) {
    const receiver = await stage.receiver()
    const names = ['old', 'new']
    const relays = [await stage.relay('old', { env })]
    const writers = await stage.writers({ urls: [receiver.url('/ok')], rate: 25 })
    await migrate({ connectionString: stage.databaseUrl }, { schema: 'outbox', wake: 'poll' })
    relays.push(await stage.relay('new', { env }))

    const poison = { url: () => receiver.url('/ok/poison'), key: (n: number) => `poison${n}` }
    const poisonous = await insertBulk(stage, { ...poison, name: 'poison', count: POISON, maxAttempts: MAX_ATTEMPTS })
    const unreadable = await insertUnreadable(stage, receiver.url('/ok'))
    const follower = (n: number) => (n % 2 === 0 ? `poison${(n / 2) % POISON}` : `unreadable${n % UNREADABLE}`)
    const behind = { name: 'follower', count: FOLLOWERS * 2, url: () => receiver.url('/ok') }
    const followers = await insertBulk(stage, { ...behind, key: follower })

    const until = performance.now() + stage.seconds(60, 25) * 1_000
    while (performance.now() < until && (await unsettled(stage, poisonous)) > 0) {
      await restart(stage, relays, names)
      await stage.sleep(100)
    }
    await migrate({ connectionString: stage.databaseUrl }, { schema: 'outbox', wake: 'notify' })
    await stage.sleep(2_000)
    await writers.stop()
    await restart(stage, relays, names)

    const { books } = await stage.check({ mayDie: true })
    const dead = books.callbacks.filter(({ status }) => status === 'dead').map(({ messageId }) => messageId)
    const wanted = [...poisonous.map(({ messageId }) => messageId), ...unreadable]
    const arrived = new Set(books.arrivals.map(({ messageId }) => messageId))
    stage.figure('relays killed by a row', stage.faults)
    stage.figure('dead rows', dead.length)
    stage.bar('poison ends dead, and nothing else does', same(dead, wanted))
    stage.bar(
      'what stands behind it arrives',
      followers.every(({ messageId }) => arrived.has(messageId)),
    )
    // A relay may have had both in flight.
    const mayKill = POISON * MAX_ATTEMPTS
    stage.bar(
      'each row kills no more often than it may be tried',
      stage.faults >= MAX_ATTEMPTS && stage.faults <= mayKill,
    )
  },
}

/** The domain refuses such a form; its owner lifts the check for a moment. */
async function insertUnreadable(stage: Stage, url: string): Promise<string[]> {
  const { rows } = await stage.client.query<{ conname: string; definition: string }>(
    "select conname, pg_get_constraintdef(oid) as definition from pg_constraint where contypid = 'outbox.form'::regtype",
  )
  for (const { conname } of rows) await stage.client.query(`alter domain outbox.form drop constraint ${conname}`)
  const lines = await insertBulk(stage, {
    name: 'unreadable',
    count: UNREADABLE,
    url: () => url,
    key: n => `unreadable${n}`,
    more: { nested: { a: [1, { b: null }] } },
  })
  for (const { conname, definition } of rows) {
    await stage.client.query(`alter domain outbox.form add constraint ${conname} ${definition} not valid`)
  }
  return lines.map(({ messageId }) => messageId)
}

/** As a process manager would. */
async function restart(stage: Stage, relays: Relay[], names: readonly string[]): Promise<void> {
  for (const [at, relay] of relays.entries()) {
    if (!relay.hasEnded) continue
    const { signal } = await relay.ended
    if (signal !== 'SIGKILL') throw relay.program.failure('ended otherwise than by a poison row')
    stage.fault()
    relays[at] = stage.startRelay(names[at] ?? '', { env })
  }
}

async function unsettled({ client }: Stage, lines: readonly { messageId: string }[]): Promise<number> {
  const ids = lines.map(({ messageId }) => messageId)
  const { rowCount } = await client.query(
    'select from outbox.callback where message_id = any($1::uuid[]) and settled_at is null',
    [ids],
  )
  return rowCount ?? 0
}

function same(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && others.every(each => some.includes(each))
}
