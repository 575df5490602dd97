/**
 * The leader of a Patroni cluster with synchronous replication is switched over, killed, and cut off, while relays deliver: one
 * that names the three servers, and one behind HAProxy, as the scheduler is.
 */
import { migrate } from '../../../src/outbox/migrate.ts'
import type { Books } from '../books.ts'
import { Cluster, debianCluster, type Node } from '../patroni.ts'
import { recoveryMs } from '../recovery.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

type Kind = 'switchover' | 'kill -9' | 'cut off'

const LOSSES: readonly Kind[] = ['switchover', 'kill -9', 'cut off']
const RELAYS = ['multi-host', 'haproxy']

/** From the first write that the new leader takes until one relay delivers again, in milliseconds. */
const BACK_MS = 2_000
/** Until both do: receivers that go from one relay to the other wait until the former one must have stopped. */
const BOTH_MS = 5_000

/** A leader that was lost: when, and when another one took writes, by the machine's clock. */
interface Loss {
  readonly kind: Kind
  readonly lostAt: number
  readonly openAt: number
}

export const scenario: Scenario = {
  number: 32,
  title: 'a Patroni cluster with synchronous replication: a switchover, kill -9 of the leader, the leader cut off',
  needs: [debianCluster],
  short: false,
  async run(stage) {
    const cluster = await Cluster.start(stage)
    await migrate({ connectionString: cluster.url }, { schema: 'outbox', wake: 'notify' })
    const client = await stage.reconnect((await cluster.whole()).url)
    await client.query('create table probe (at timestamptz default now())')
    const receiver = await stage.receiver()
    const relays = [
      await stage.relay('multi-host', { databaseUrl: cluster.url }),
      await stage.relay('haproxy', { databaseUrl: cluster.haproxyUrl }),
    ]
    const load = { urls: [receiver.url('/mixed')], rate: 100, databaseUrl: cluster.haproxyUrl }
    const writers = await stage.writers(load)
    const losses: Loss[] = []
    for (const kind of LOSSES) {
      const leader = await cluster.whole()
      await stage.reconnect(leader.url)
      await stage.sleep(3_000)
      losses.push(await lose(stage, cluster, leader, kind))
    }
    await stage.reconnect((await cluster.whole()).url)
    await stage.sleep(3_000)
    await writers.stop()
    const { books } = await stage.check()

    tell(stage, books, losses)
    stage.bar(
      'restarts of relays 0',
      relays.every(({ hasEnded }) => !hasEnded),
    )
    // The cluster goes with the stage, before the relays would.
    const ends = await Promise.all(relays.map(relay => relay.program.stop('SIGTERM')))
    stage.bar(
      'relays end in order',
      ends.every(({ code }) => code === 0),
    )
  },
}

/** Takes the leader away, waits until another one takes writes, and lets the old one come back. */
async function lose(stage: Stage, cluster: Cluster, leader: Node, kind: Kind): Promise<Loss> {
  stage.fault()
  const lostAt = Date.now()
  const given = kind === 'switchover' ? cluster.switchover(leader) : undefined
  if (kind === 'kill -9') await cluster.kill(leader)
  if (kind === 'cut off') cluster.cutOff(leader)
  const { at } = await cluster.acceptsWrites(leader)
  await given
  await stage.sleep(3_000)
  if (kind === 'kill -9') cluster.startNode(leader)
  if (kind === 'cut off') cluster.mend(leader)
  return { kind, lostAt, openAt: at }
}

function tell(stage: Stage, books: Books, losses: readonly Loss[]): void {
  for (const { kind, lostAt, openAt } of losses) {
    const backs = RELAYS.map(relay => recoveryMs(books, { at: openAt, relays: [relay] }))
    const [first, both] = [Math.min(...backs), Math.max(...backs)]
    stage.figure(`${kind}: another leader takes writes after`, openAt - lostAt, 'ms')
    stage.figure('a relay delivers', first, 'ms later')
    stage.figure('both deliver', both, 'ms later')
    stage.longBar(`${kind}: a relay delivers within ${BACK_MS} ms; it took ${first} ms`, first <= BACK_MS)
    stage.longBar(`${kind}: both deliver within ${BOTH_MS} ms; it took ${both} ms`, both <= BOTH_MS)
  }
  stage.figure('commits in doubt', books.written.filter(({ committedAt }) => committedAt === 'unknown').length)
}
