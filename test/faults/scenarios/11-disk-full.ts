import { now } from '../clock.ts'
import { linux } from '../footprint.ts'
import { root, type Scenario } from '../scenario.ts'
import { smallDisk } from '../tablespace.ts'

const TROUBLE = ['database_away', 'database_refuses', 'record_refused'] as const

/**
 * The tables' disk is full, not the log's: PostgreSQL goes down when it cannot write its log, and a server that is down is
 * scenario 7.
 */
export const scenario: Scenario = {
  number: 11,
  title: "the tables' disk full, then freed",
  needs: [linux, root],
  server: {},
  async run(stage) {
    const receiver = await stage.receiver()
    const disk = await smallDisk(stage, 128)
    const relays = [await stage.relay('a'), await stage.relay('b')]
    const writers = await stage.writers({ urls: [receiver.url('/ok')], rate: 50 })
    await stage.sleep(stage.seconds(10, 3) * 1_000)
    const count = () => relays.reduce((sum, relay) => sum + TROUBLE.reduce((n, event) => n + relay.count(event), 0), 0)

    await disk.fill(100_000)
    stage.fault()
    const seconds = stage.seconds(30, 6)
    await stage.sleep(seconds * 1_000)
    const tries = count()
    const refused = await stage.client
      .query('create table probe tablespace small as select from generate_series(1, 100000)')
      .then(
        () => false,
        () => true,
      )
    const freedAt = now()
    await disk.free()
    await stage.sleep(stage.seconds(10, 3) * 1_000)
    await writers.stop()

    const { books } = await stage.check()
    const next =
      books.attempts.length === 0
        ? NaN
        : Math.min(...books.arrivals.filter(({ at }) => at > freedAt).map(({ at }) => at))
    stage.figure('full for', seconds, 's')
    stage.figure('errors logged a second and relay', tries / seconds / relays.length)
    stage.figure('freed to next arrival', next - freedAt, 'ms')
    stage.bar('the disk was full', refused)
    stage.bar('relays back off', tries / seconds / relays.length < 5)
    stage.bar(
      'relays survive it',
      relays.every(relay => !relay.hasEnded),
    )
    stage.longBar('they felt it', tries > 0)
  },
}
