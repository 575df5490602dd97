/**
 * Rows that cannot be delivered as they stand, among others that can: in two databases whose encoding knows bytes that the relay's
 * does not, with URLs that only PostgreSQL accepts, with rows that a dump has brought back as claimed, and with triggers of the
 * application's own that fail for one row. One row must never stop the others.
 */
import { insertBulk } from '../bulk.ts'
import { EncodedDatabase, encodings } from '../encoded.ts'
import { createTriggers, dropTriggers, insertOddRows, type OddRow, triggerReasons } from '../odd-rows.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import type { WrittenLine } from '../transaction.ts'

/** Rows behind each odd one, in its key. */
const FOLLOWERS = 3
const FLOWS_WITHIN_MS = 15_000

/** One database with its relays, and what was written there. */
interface Side {
  readonly database: EncodedDatabase
  readonly relays: readonly Relay[]
  readonly odd: readonly OddRow[]
  readonly refused: number
  readonly behind: readonly WrittenLine[]
  readonly flow: readonly WrittenLine[]
}

export const scenario: Scenario = {
  number: 30,
  title:
    'bytes that do not convert, URLs that nobody can read, rows restored while claimed, triggers that fail, in SQL_ASCII and WIN1252',
  async run(stage) {
    const receiver = await stage.receiver()
    const url = receiver.url('/ok')
    const sides = await Promise.all(
      encodings.map(async (encoding, at) => play(stage, await EncodedDatabase.create(stage, encoding, at), url)),
    )
    for (const side of sides) await judgeInTrouble(stage, side)

    for (const { database } of sides) await dropTriggers(database.client)
    const all = sides.map(({ odd, behind, flow, database }) => ({ database, lines: [...odd, ...behind, ...flow] }))
    for (const { database, lines } of all) {
      const left = await leftAfter(stage, database, lines, 75_000)
      stage.bar(`${database.encoding.name}: all is settled once the triggers are gone; ${left} are not`, left === 0)
    }
    // Before their databases and roles go.
    for (const relay of sides.flatMap(({ relays }) => relays)) {
      const { code } = await relay.program.stop('SIGTERM')
      stage.bar(`${relay.name} ends in order`, code === 0)
    }
    const tables = await Promise.all(sides.map(({ database }) => database.tables()))
    const { books } = await stage.check({
      mayDie: true,
      revise: books => ({
        ...books,
        callbacks: tables.flatMap(({ callbacks }) => callbacks),
        attempts: tables.flatMap(({ attempts }) => attempts),
      }),
    })
    const dead = books.callbacks.filter(({ status }) => status === 'dead')
    const odd = new Map(sides.flatMap(side => side.odd).map(row => [row.messageId, row]))
    stage.figure('odd rows', odd.size)
    stage.figure(
      'refused by the INSERT',
      sides.reduce((sum, { refused }) => sum + refused, 0),
    )
    stage.figure('dead with a reason', dead.filter(({ lastError }) => lastError).length)
    stage.figure(
      'delivered after all',
      [...odd.keys()].filter(id => books.callbacks.some(row => row.messageId === id && row.status === 'delivered'))
        .length,
    )
    const wrong = dead.find(({ messageId, lastError }) => !odd.has(messageId) || !lastError)
    stage.bar(
      `only odd rows are dead, each with its reason; ${wrong?.id} is with ${wrong?.lastError}`,
      wrong === undefined,
    )
    const again = books.callbacks.find(row => odd.get(row.messageId)?.says.startsWith('http') && row.attempts > 1)
    stage.bar(
      `a URL that nobody can read is tried once at most; ${again?.id} was ${again?.attempts} times`,
      again === undefined,
    )
  },
}

/** All that goes on in one database while its rows are odd. */
async function play(stage: Stage, database: EncodedDatabase, url: string): Promise<Side> {
  const { client, encoding, relayUrl } = database
  await createTriggers(client)
  const names = stage.isShort ? ['a'] : ['a', 'b']
  const relays = await Promise.all(
    names.map(name => stage.relay(`${encoding.name}-${name}`, { databaseUrl: relayUrl })),
  )
  const { rows: odd, refused } = await insertOddRows(stage, database, url)
  stage.fault(odd.length)
  const to = { client, folder: stage.folder }
  const behind = await insertBulk(to, {
    name: `behind-${encoding.name}`,
    count: odd.length * FOLLOWERS,
    url: () => url,
    key: n => keyBehind(odd[n % odd.length]),
  })
  const flow: WrittenLine[] = []
  for (let n = 0; n < stage.seconds(60, 5) * 4; n += 1) {
    const name = `flow-${encoding.name}-${n}`
    flow.push(
      ...(await insertBulk(to, { name, count: 10, url: () => url, key: at => `${encoding.name} ${(n + at) % 40}` })),
    )
    await stage.sleep(250)
  }
  return { database, relays, odd, refused, behind, flow }
}

/** What was read of an odd key names another one. */
function keyBehind(row: OddRow | undefined): string | null {
  return row?.key?.includes('\ufffd') ? null : (row?.key ?? null)
}

/** Before anything is mended: what is not odd has gone out, and each odd row is what it should be. */
async function judgeInTrouble(stage: Stage, { database, relays, odd, behind, flow }: Side): Promise<void> {
  const { name } = database.encoding
  const waiting = odd.filter(({ fate }) => fate === 'waits')
  const stops = new Set(waiting.map(({ key }) => key))
  const free = [...flow, ...behind.filter(({ key }) => !stops.has(key)), ...odd.filter(({ fate }) => fate !== 'waits')]
  const left = await leftAfter(stage, database, free, FLOWS_WITHIN_MS)
  stage.bar(`${name}: all but the triggers' rows is settled meanwhile; ${left} of ${free.length} are not`, left === 0)
  const { callbacks } = await database.tables()
  for (const { messageId, says, fate } of odd) {
    const row = callbacks.find(each => each.messageId === messageId)
    const isRight =
      (row?.status === 'dead' && row.lastError !== null && row.lastError !== '') ||
      (fate === 'delivered' && row?.status === 'delivered') ||
      (fate === 'waits' && (row?.status === 'pending' || row?.status === 'claimed'))
    stage.bar(
      `${name}: the row with ${says} ${fate === 'dead' ? 'is dead' : `is dead or ${fate}`}, with a reason; it is ${row?.status}: ${row?.lastError}`,
      isRight,
    )
  }
  const log = relays.map(({ logs }) => JSON.stringify(logs)).join()
  for (const reason of triggerReasons) {
    stage.bar(`${name}: a log says why a trigger's row waits: ${reason}`, reason.test(log))
  }
  stage.bar(
    `${name}: relays survive it`,
    relays.every(relay => !relay.hasEnded),
  )
}

/** How many of these are not settled after so long, or sooner when none is left. */
async function leftAfter(
  stage: Stage,
  database: EncodedDatabase,
  lines: readonly WrittenLine[],
  withinMs: number,
): Promise<number> {
  const end = performance.now() + withinMs
  for (;;) {
    const left = await database.unsettled(lines)
    if (left === 0 || performance.now() > end) return left
    await stage.sleep(250)
  }
}
