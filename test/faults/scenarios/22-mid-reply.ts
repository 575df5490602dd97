import { insertBulk } from '../bulk.ts'
import { inMidReply } from '../claim-reply.ts'
import { now } from '../clock.ts'
import { spread } from '../hosts.ts'
import { quickLeaseMs } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

/** Two relays share the rows: so one of them claims 16 MB. Of 4 MB, the kernels of both sides would hold all. */
const ROWS = 560
const PADDING = 60_000
/** Of the reply, before it stops. */
const BYTES = 1_000_000
const WITHIN_MS = quickLeaseMs + 5_000

/**
 * The server may be left with a reply that nobody reads, and with it a transaction that holds the rows and the registration:
 * the heir must bury it, and what was claimed goes out then.
 */
export const scenario: Scenario = {
  number: 22,
  title: 'SIGSTOP, then a silent partition, in the middle of a claim reply of more than 4 MB',
  async run(stage) {
    const took: number[] = []
    for (const how of ['SIGSTOP', 'partition'] as const) {
      const { ms, sentMs, writing } = await takeover(stage, how)
      took.push(ms)
      stage.figure(`${how}: taken over after`, ms, 'ms')
      stage.figure('all sent after', sentMs, 'ms')
      stage.figure('replies nobody reads', writing)
      stage.fault()
    }
    await stage.check()
    stage.bar(
      'takeover within the lease and 5 s',
      took.every(ms => ms <= WITHIN_MS),
    )
  },
}

interface Takeover {
  readonly ms: number
  readonly sentMs: number
  /** Sessions of the server that wait for somebody to read. */
  readonly writing: number
}

async function takeover(stage: Stage, how: 'SIGSTOP' | 'partition'): Promise<Takeover> {
  const receiver = await stage.receiver()
  const proxy = await stage.proxy(stage.databaseUrl)
  let reached = () => {}
  const midReply = new Promise<void>(resolve => {
    reached = resolve
  })
  const options = { concurrency: 400, 'origin-concurrency': 400 }
  const stopped = { name: `${how}-a`, at: 0 }
  proxy.watch(() =>
    inMidReply(BYTES, () => {
      if (stopped.at > 0) return
      stopped.at = now()
      if (how === 'SIGSTOP') victim.kill('SIGSTOP')
      else proxy.swallow()
      reached()
    }),
  )
  const victim = await stage.relay(stopped.name, { options, databaseUrl: proxy.via(stage.databaseUrl) })
  const heir = await stage.relay(`${how}-b`, { options })
  await stage.sleep(3_000)
  const big = {
    count: ROWS,
    padding: PADDING,
    url: (n: number) => spread(receiver.url('/ok'), String(n)),
    key: (n: number) => `${how}${n}`,
  }
  await insertBulk(stage, { ...big, name: `big-${how}` })
  await midReply
  await stage.sleep(1_000)
  const writing = await stage.client.query(
    "select from pg_stat_activity where datname = current_database() and wait_event = 'ClientWrite'",
  )
  await isAlone(stage, heir.name)
  const ms = now() - stopped.at
  await stage.drained(60_000)
  const sentMs = now() - stopped.at
  victim.kill('SIGCONT')
  proxy.heal()
  await stage.sleep(2_000)
  for (const relay of [victim, heir]) {
    const { code } = await relay.program.stop('SIGTERM')
    stage.bar(`${relay.name} ends in order`, code === 0)
  }
  return { ms, sentMs, writing: writing.rowCount ?? 0 }
}

/** Resolves when no other relay is registered. */
async function isAlone(stage: Stage, name: string): Promise<void> {
  for (const until = now() + 30_000; now() < until; await stage.sleep(50)) {
    const { rowCount } = await stage.client.query('select from outbox.relay where name <> $1', [name])
    if (rowCount === 0) return
  }
  throw new Error(`${name} has not buried the other within 30 s`)
}
