import { now } from '../clock.ts'
import type { Scenario } from '../scenario.ts'
import { connected } from '../servers.ts'
import type { Stage } from '../stage.ts'
import { during, latencyIn } from '../windows.ts'

const POLL_MS = 1_000
/** Whether the poll or another look finds the first rows is chance. */
const NOTICED_WITHIN_MS = 20_000
const FLOODERS = 2
const JUNK = [
  '',
  '{',
  '{"id":1}',
  '{"__proto__":{}}',
  "'; drop table x --",
  '\u0001\u007f',
  '9'.repeat(30),
  'ä😀'.repeat(500),
]

/** Callbacks come one by one, so that relays sleep in between and hang on what wakes them. */
export const scenario: Scenario = {
  number: 12,
  title: 'NOTIFY flooded with junk by another role, then lost',
  async run(stage) {
    const receiver = await stage.receiver()
    const options = { poll: `${POLL_MS}ms`, 'log-level': 'debug' }
    const relays = [await stage.relay('a', { options }), await stage.relay('b', { options })]
    const strangerUrl = await stranger(stage)
    const hasNoticed = () => relays.some(relay => relay.count('listener_lost') > 0)
    const write = async (isDone = () => true) => {
      const writers = await stage.writers({
        urls: [receiver.url('/ok')],
        processes: 1,
        connections: 2,
        rate: 20,
        openMs: 5,
      })
      const from = now()
      do await stage.sleep(stage.seconds(12, 2) * 1_000)
      while (!isDone() && now() - from < NOTICED_WITHIN_MS)
      await writers.stop()
      await stage.drained()
    }
    // Relays that have just registered do not serve yet.
    await write()
    const calm = await during(write)
    let sent = 0
    const flooded = await during(async () => {
      const floods = Array.from({ length: FLOODERS }, () => flood(stage, strangerUrl))
      await write()
      for (const each of floods) sent += await each.stop()
    })
    await stage.client.query('alter table outbox.callback disable trigger wake')
    const lost = await during(() => write(hasNoticed))
    await stage.client.query('alter table outbox.callback enable trigger wake')
    const healed = await during(write)

    stage.fault(2)
    const { books } = await stage.check()
    stage.figure('notifications of junk', sent)
    for (const [name, window] of Object.entries({ calm, flooded, lost, healed })) {
      stage.figure(`${name}: p50`, latencyIn(books, window, 50), 'ms')
      stage.figure('p99', latencyIn(books, window, 99), 'ms')
    }
    const survived = relays.every(relay => !relay.hasEnded && relay.count('database_away') === 0)
    stage.bar('the relays survive it, with their connections', survived)
    stage.bar('lost notifications were noticed', hasNoticed())
    stage.bar('junk was sent', sent > 1_000)
    stage.bar('lost: half of them within a poll', latencyIn(books, lost, 50) <= POLL_MS)
    stage.longBar('lost: p99 within a poll and half a second', latencyIn(books, lost, 99) <= POLL_MS + 500)
    stage.longBar('flooded: p99 within a poll', latencyIn(books, flooded, 99) <= POLL_MS)
  },
}

/** A role that may do nothing but connect. Roles belong to the whole server, hence its name. */
async function stranger(stage: Stage): Promise<string> {
  const url = new URL(stage.databaseUrl)
  const name = `stranger_${url.pathname.slice(1)}`
  await stage.client.query(`create role ${name} login`)
  stage.undo(null, () => stage.client.query(`drop role ${name}`))
  url.username = name
  return url.href
}

/** Notifies for as long as it is let, a hundred a transaction. */
function flood(stage: Stage, url: string): { stop(): Promise<number> } {
  let isOn = true
  let sent = 0
  const running = (async () => {
    const client = await connected(url)
    const from = now()
    for (let n = 0; isOn; n += 1) {
      const junk = JUNK[Math.floor(stage.random() * JUNK.length)] ?? ''
      await client.query(`select pg_notify('outbox', $1 || i) from generate_series(1, 100) i`, [`${junk} ${n}`])
      sent += 100
      // Some 2,000 a second from each: more would measure how the server copes.
      await stage.sleep(Math.max(0, from + n * 50 - now()))
    }
    await client.end()
  })()
  running.catch(() => {})
  const stop = async () => {
    isOn = false
    await running
    return sent
  }
  return { stop }
}
