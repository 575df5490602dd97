/**
 * Commits wait for a synchronous standby that nobody is. The wait has no timeout of the server's, and a session that is given up
 * in it stays until the standby is back: connections that are opened anew lock every other program out.
 */
import { command } from '../command.ts'
import { mostConnections, watchConnections, watchNewcomers } from '../connections.ts'
import { calm, recoveryMs } from '../recovery.ts'
import type { Relay } from '../relay.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

const RELAYS = ['first', 'second']
const FLOWS_MS = 5_000

export const scenario: Scenario = {
  number: 33,
  title: 'commits wait for a synchronous standby that is not there, max_connections = 30',
  server: { max_connections: '30' },
  async run(stage) {
    const receiver = await stage.receiver()
    const relays = await Promise.all(RELAYS.map(name => stage.relay(name)))
    // The scheduler's own commits do not wait, so that there is something to deliver all the while.
    const databaseUrl = `${stage.databaseUrl}?options=-c%20synchronous_commit%3Dlocal`
    const writers = await stage.writers({
      urls: [receiver.url('/ok')],
      databaseUrl,
      processes: 1,
      connections: 4,
      rate: 10,
    })
    await stage.client.query('create role newcomer login')
    const stranger = new URL(stage.databaseUrl)
    stranger.username = 'newcomer'
    await stage.sleep(stage.seconds(5, 1) * 1_000)

    const watch = await watchConnections(stage, RELAYS)
    const newcomers = watchNewcomers(stage, stranger.href)
    await standby(stage, 'nobody')
    stage.fault()
    // A relay asks what keeps an answer after five seconds.
    await stage.sleep(stage.seconds(105, 10) * 1_000)
    const doctor = await command(stage.databaseUrl, 'doctor')
    await stage.sleep(stage.seconds(15, 0) * 1_000)
    const refused = await newcomers.end()
    await standby(stage, '')
    const lifted = await calm(stage.client)
    await stage.sleep(stage.seconds(15, 3) * 1_000)
    await writers.stop()
    const { books } = await stage.check({ withinMs: 120_000 })
    const most = await watch.end()

    const flowsAfter = recoveryMs(books, lifted)
    stage.figure('connections of a relay, most', most)
    stage.figure('other programs turned away', refused)
    stage.figure('flows after', flowsAfter, 'ms')
    stage.bar(`at most ${mostConnections} connections a relay; there were ${most}`, most <= mostConnections)
    stage.bar(`other programs can connect; turned away ${refused} times`, refused === 0)
    stage.bar('each relay names the reason in its log', relays.every(namesStandby))
    stage.bar(
      `doctor names the reason, and ends with 1; with ${doctor.code} it said: ${doctor.text}`,
      doctor.code === 1 && /synchronous standby.*nobody/s.test(doctor.text),
    )
    stage.bar(
      'relays survive it',
      relays.every(relay => !relay.hasEnded),
    )
    stage.longBar('flows within 5 s', flowsAfter <= FLOWS_MS)
  },
}

async function standby(stage: Stage, names: string): Promise<void> {
  await stage.client.query(`alter system set synchronous_standby_names = '${names}'`)
  await stage.client.query('select pg_reload_conf()')
}

/** In whatever event. */
function namesStandby(relay: Relay): boolean {
  return relay.logs.some(line => /SyncRep|synchronous standby/i.test(JSON.stringify(line)))
}
