import { type Calm, calm, recoveryMs } from '../recovery.ts'
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'

export const scenario: Scenario = {
  number: 6,
  title: 'pg_terminate_backend of every relay session ten times a second',
  async run(stage) {
    const receiver = await stage.receiver()
    const names = ['a', 'b']
    const relays = await Promise.all(names.map(name => stage.relay(name)))
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 100 })
    const calms: Calm[] = []
    for (let burst = 0; burst < (stage.isShort ? 1 : 4); burst += 1) {
      await stage.sleep(2_000)
      calms.push(await terminate(stage, stage.seconds(6, 3)))
      await stage.sleep(4_000)
    }
    await writers.stop()
    const { books } = await stage.check()
    const recoveries = calms.map(each => recoveryMs(books, each))
    stage.figure('restarts', relays.filter(({ hasEnded }) => hasEnded).length)
    stage.figure('recovery, longest', Math.max(...recoveries), 'ms')
    stage.bar(
      'restarts 0',
      relays.every(({ hasEnded }) => !hasEnded),
    )
    stage.longBar(
      'recovery within 2 s',
      recoveries.every(ms => ms <= 2_000),
    )
  },
}

async function terminate(stage: Stage, seconds: number): Promise<Calm> {
  for (let n = 0; n < seconds * 10; n += 1) {
    const { rowCount } = await stage.client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'ringback %'`,
    )
    stage.fault(rowCount ?? 0)
    await stage.sleep(100)
  }
  return calm(stage.client)
}
