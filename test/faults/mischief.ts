import type { FaultProxy } from '../fixtures/fault-proxy.ts'
import { between, pick } from '../fixtures/random.ts'
import { quickLeaseMs, type Relay } from './relay.ts'
import type { Stage } from './stage.ts'

/** What may be done harm to. */
export interface Victims {
  /** Killed and started again. */
  mortal: Relay
  /** Suffers everything but death, so that its memory and connections can be watched. */
  readonly lasting: Relay
  /** Between the lasting relay and the database, and between all relays and the receiver. */
  readonly database: FaultProxy
  readonly receiver: FaultProxy
}

/** One fault, from its beginning to its end. */
type Fault = (stage: Stage, victims: Victims) => Promise<void>

const faults: Readonly<Record<string, Fault>> = {
  async 'a relay killed'(stage, victims) {
    victims.mortal.kill('SIGKILL')
    await victims.mortal.ended
    victims.mortal = stage.startRelay(victims.mortal.name)
  },
  async 'a relay stopped'(stage, { lasting }) {
    lasting.kill('SIGSTOP')
    await stage.sleep(between(stage.random, 500, 3 * quickLeaseMs))
    lasting.kill('SIGCONT')
  },
  async 'an event loop blocked'(stage, { lasting }) {
    const ms = between(stage.random, 500, 2 * quickLeaseMs)
    lasting.block(ms)
    await stage.sleep(ms)
  },
  async 'sessions terminated'(stage) {
    await stage.client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'ringback %'`,
    )
  },
  async 'the server crashed'(stage) {
    await stage.server.stop('immediate')
    await stage.sleep(between(stage.random, 0, 2_000))
    await stage.server.start()
    await stage.reconnect()
  },
  async 'the database cut off'(stage, { database }) {
    database.swallow()
    await stage.sleep(between(stage.random, 1_000, 10_000))
    if (stage.random() < 0.5) database.reset()
    database.heal()
  },
  async 'the database slow'(stage, { database }) {
    database.latency(between(stage.random, 5, 200))
    await stage.sleep(between(stage.random, 1_000, 5_000))
    database.heal()
  },
  async 'answers swallowed'(stage, { receiver }) {
    receiver.swallow('to-client')
    await stage.sleep(between(stage.random, 500, 4_000))
    receiver.reset()
    receiver.heal()
  },
  async 'the receiver away'(stage, { receiver }) {
    await receiver.down()
    await stage.sleep(between(stage.random, 500, 5_000))
    await receiver.up()
  },
  async 'connections reset'(stage, { receiver }) {
    receiver.reset(stage.random())
  },
  async 'junk notified'(stage) {
    await stage.client.query(`select pg_notify('outbox', repeat('junk', n % 1000)) from generate_series(1, 2000) n`)
  },
}

/** Does harm of random kinds until told to stop; then all is well again. Returns how often each kind was done. */
export async function mischief(stage: Stage, victims: Victims, isOver: () => boolean): Promise<Map<string, number>> {
  const done = new Map<string, number>()
  while (!isOver()) {
    await stage.sleep(between(stage.random, 500, 3_000))
    const name = pick(stage.random, Object.keys(faults))
    await faults[name]?.(stage, victims)
    stage.fault()
    done.set(name, (done.get(name) ?? 0) + 1)
  }
  return done
}
