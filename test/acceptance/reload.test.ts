import { createHmac, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Arrival } from '../fixtures/receiver.ts'
import type { LogLine, RelayProcess } from '../fixtures/relay-process.ts'
import { Stage } from '../fixtures/stage.ts'

const keyOf = (bytes: Buffer): string => `whsec_${bytes.toString('base64')}`

/** What the header must be, worked out by hand. */
function signatures({ headers, body }: Arrival, ...keys: readonly Buffer[]): string {
  const signed = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body])
  return keys.map(key => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ')
}

/** A relay that signs with what stands in `crm.key`, and its files. */
class Signing {
  readonly stage: Stage
  readonly #folder: string
  #signals = 0

  static async set(t: Test): Promise<Signing> {
    return new Signing(await Stage.open(t), t.testdir())
  }

  private constructor(stage: Stage, folder: string) {
    this.stage = stage
    this.#folder = folder
    this.configure({ sign: { file: 'crm.key' } })
  }

  get config(): string {
    return join(this.#folder, 'ringback.json')
  }

  configure(settings: object): void {
    const rule = { match: new URL(this.stage.receiver.url()).origin, ...settings }
    writeFileSync(this.config, JSON.stringify({ origins: [rule] }))
  }

  keys(...keys: readonly Buffer[]): void {
    writeFileSync(join(this.#folder, 'crm.key'), keys.map(key => `${keyOf(key)}\n`).join(''), { mode: 0o600 })
  }

  /** Sends SIGHUP, waits for what the relay makes of it, and expects that answer. */
  async reload(relay: RelayProcess, event: 'config_applied' | 'config_refused' | 'reload_ignored'): Promise<LogLine> {
    const count = ++this.#signals
    const answers = () =>
      relay.logs.filter(line => /^(config_applied|config_refused|reload_ignored)$/.test(line.event ?? ''))
    relay.kill('SIGHUP')
    return relay.until(event, line => answers().indexOf(line) === count - 1)
  }

  /** Delivers another callback. */
  async arrival(): Promise<Arrival> {
    const count = this.stage.receiver.arrivals.length
    await this.stage.becomes(await this.stage.send({ n: count, message: 'a b é' }), 'delivered')
    return this.stage.receiver.arrivals[count]!
  }
}

t.test(
  'keys are rotated under a running relay; a file that is wrong changes nothing, and none is ever shown',
  async t => {
    const signing = await Signing.set(t)
    const [first, second] = [randomBytes(32), randomBytes(32)]
    signing.keys(first)
    const relay = await signing.stage.relay({ config: signing.config, 'log-level': 'trace' })
    const signed = async (...keys: readonly Buffer[]) => {
      const arrival = await signing.arrival()
      t.equal(arrival.headers['webhook-signature'], signatures(arrival, ...keys))
    }
    await signed(first)

    signing.keys(first, second)
    await signing.reload(relay, 'config_applied')
    await signed(first, second)

    signing.keys(second, first, randomBytes(32))
    const refused = await signing.reload(relay, 'config_refused')
    t.match(refused, { level: 'error', faults: /origins\[0\]\.sign\.file: expected that "crm\.key" .*; got 3 lines$/ })
    await signed(first, second)

    signing.configure({ sign: { file: 'crm.key' }, rate: 'fast', dedline: '1s' })
    const { faults } = await signing.reload(relay, 'config_refused')
    for (const fault of [/dedline: unknown field/, /rate: expected/, /sign\.file: expected/]) t.match(faults, fault)
    t.equal(String(faults).split('\n').length, 3)
    await signed(first, second)

    signing.keys(second)
    signing.configure({ sign: { file: 'crm.key' } })
    await signing.reload(relay, 'config_applied')
    await signed(second)

    relay.kill()
    t.match(await relay.exited, { code: 0 })
    const said = JSON.stringify(relay.logs) + relay.errors()
    for (const key of [first, second])
      for (const form of ['base64', 'hex', 'latin1'] as const) t.notOk(said.includes(key.toString(form)))
  },
)

t.test('other settings than keys hold as well, for an origin that has rows waiting', async t => {
  const signing = await Signing.set(t)
  signing.configure({ rate: '1/h' })
  const relay = await signing.stage.relay({ config: signing.config })
  for (const n of [1, 2, 3]) await signing.stage.send({ n })
  await signing.stage.receiver.until(arrivals => arrivals.length === 1)
  signing.configure({ headers: { 'x-tenant': 'a' } })
  await signing.reload(relay, 'config_applied')
  await signing.stage.drained()
  t.same(
    signing.stage.receiver.arrivals.map(({ headers }) => headers['x-tenant']),
    [undefined, 'a', 'a'],
  )
})

t.test('one of two relays uses what it has read once the other has read it too', async t => {
  const signing = await Signing.set(t)
  signing.keys(randomBytes(32))
  const [first, second] = [
    signing.stage.start({ config: signing.config }),
    signing.stage.start({ config: signing.config }),
  ]
  for (const relay of [first, second]) await relay.until('origins_divided', ({ among }) => among === 2)
  signing.configure({ headers: { 'x-tenant': 'a' } })
  first.kill('SIGHUP')
  await first.until('config_reloaded')
  t.notOk((await signing.arrival()).headers['x-tenant'])
  t.notOk(first.logs.some(({ event }) => event === 'config_applied'))
  second.kill('SIGHUP')
  for (const relay of [first, second]) await relay.until('config_applied')
  t.equal((await signing.arrival()).headers['x-tenant'], 'a')
})

t.test('without --config there is nothing to read again, and the relay goes on', async t => {
  const signing = await Signing.set(t)
  const relay = await signing.stage.relay()
  await signing.reload(relay, 'reload_ignored')
  t.notOk((await signing.arrival()).headers['webhook-signature'])
})
