/**
 * Somebody locks the whole table, as ALTER TABLE (ACCESS EXCLUSIVE) and CREATE INDEX (SHARE) do. The relay's statements wait, and
 * what waits must neither pile up on the server nor be carried out when nobody asks for it any more: a claim that commits after
 * its relay has given it up uses an attempt up, and a row with a single one is dead then, though it was never sent.
 */
import { insertBulk } from '../bulk.ts'
import { mostConnections, watchConnections } from '../connections.ts'
import { type Calm, calm, recoveryMs } from '../recovery.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'
import type { Stage } from '../stage.ts'

const MODES = ['access exclusive', 'share'] as const
/** Rows that may be tried once: they become due while the table is locked. */
const SINGLES = 60
const RELAYS = ['first', 'second']
const BACK_MS = 5_000

export const scenario: Scenario = {
  number: 29,
  title: 'the table locked in ACCESS EXCLUSIVE, then in SHARE mode',
  async run(stage) {
    const receiver = await stage.receiver()
    const relays = await Promise.all(RELAYS.map(name => stage.relay(name)))
    const url = receiver.url('/ok')
    const watch = await watchConnections(stage, RELAYS)
    const writers = await stage.writers({ urls: [url], processes: 1, connections: 4, rate: 40 })
    const calms: Calm[] = []
    for (const mode of MODES) {
      await stage.sleep(stage.seconds(3, 1) * 1_000)
      await insertBulk(stage, {
        name: mode.replace(' ', '-'),
        count: SINGLES,
        url: () => url,
        key: n => (n % 3 === 0 ? null : `single${n % 20}`),
        dueInMs: 2_000,
        maxAttempts: 1,
      })
      calms.push(await locked(stage, mode, stage.seconds(120, 5)))
      await stage.sleep(stage.seconds(10, 2) * 1_000)
    }
    await writers.stop()

    const { books } = await stage.check({ mayDie: true })
    const most = await watch.end()
    const arrived = new Set(books.arrivals.map(({ messageId }) => messageId))
    const dead = books.callbacks.filter(({ status }) => status === 'dead')
    const neverSent = dead.filter(({ messageId }) => !arrived.has(messageId))
    const recoveries = calms.map(each => recoveryMs(books, each))
    stage.figure('connections of a relay, most', most)
    MODES.forEach((mode, at) => {
      stage.figure(`${mode}: back after`, recoveries[at] ?? Number.NaN, 'ms')
    })
    stage.figure('dead', dead.length)
    stage.figure('dead, never sent', neverSent.length)
    stage.bar(`at most ${mostConnections} connections a relay; there were ${most}`, most <= mostConnections)
    stage.bar(`dead, never sent 0, such as ${neverSent[0]?.id}: ${neverSent[0]?.lastError}`, neverSent.length === 0)
    stage.bar(
      'relays survive it',
      relays.every(relay => !relay.hasEnded),
    )
    stage.longBar(
      'back within 5 s',
      recoveries.every(ms => ms <= BACK_MS),
    )
  },
}

/** Holds the lock for so long; then the time at which it was let go. */
async function locked(stage: Stage, mode: (typeof MODES)[number], seconds: number): Promise<Calm> {
  const session = await connected(stage.databaseUrl)
  try {
    await session.query('begin')
    await session.query(`lock table outbox.callback in ${mode} mode`)
    stage.fault()
    await stage.sleep(seconds * 1_000)
    await session.query('commit')
    return await calm(stage.client)
  } finally {
    await session.end()
  }
}
