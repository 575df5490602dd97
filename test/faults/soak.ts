/**
 * `make soak MINUTES=10`: two relays, 300 callbacks a second (RATE), faults of all kinds at random. Afterwards the books are held
 * against one another as in a scenario, and it says how the memory and the connections of the relay that was never killed
 * have grown. SEED repeats the choice of faults. Exit code 1 when a promise was broken.
 */
import type { Receiver } from './cast.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import { Guard } from './guard.ts'
import { mischief, type Victims } from './mischief.ts'
import { paragraph } from './report.ts'
import { runScenario } from './running.ts'
import type { Scenario } from './scenario.ts'
import { Servers } from './servers.ts'
import type { Stage } from './stage.ts'

const WARM_UP_SECONDS = 30

const minutes = positive('MINUTES', 10)
const rate = positive('RATE', 300)
const seed = positive('SEED', Math.floor(Math.random() * 1e9))

const soak: Scenario = {
  number: 0,
  title: `soak of ${minutes} minutes`,
  server: {},
  limitSeconds: minutes * 60 + 300,
  async run(stage) {
    const receiver = await stage.receiver()
    const victims = await victimsOf(stage, receiver)
    const writers = await stage.writers({ urls: [victims.receiver.via(receiver.url('/mixed'))], rate: rate / 2 })
    const samples: Footprint[] = []
    const timer = setInterval(() => samples.push(footprintOf(victims.lasting.program.pid)), 1_000)
    const end = performance.now() + minutes * 60_000
    const done = await mischief(stage, victims, () => performance.now() >= end)
    clearInterval(timer)
    await writers.stop()
    await stage.check({ withinMs: 180_000 })
    for (const [name, times] of done) stage.figure(name, times)
    report(stage, samples.slice(WARM_UP_SECONDS))
    stage.bar('the relay that nobody killed lives', !victims.lasting.hasEnded)
  },
}

async function victimsOf(stage: Stage, receiver: Receiver): Promise<Victims> {
  const database = await stage.proxy(stage.databaseUrl)
  const between = await stage.proxy(receiver.url('/'))
  const lasting = await stage.relay('lasting', { databaseUrl: database.via(stage.databaseUrl) })
  return { mortal: await stage.relay('mortal'), lasting, database, receiver: between }
}

function report(stage: Stage, samples: readonly Footprint[]): void {
  const megabytes = samples.map(sample => sample.megabytes)
  const sockets = samples.map(sample => sample.sockets)
  stage.figure('memory, largest', Math.max(...megabytes), 'MB')
  stage.figure('memory grows by', slope(megabytes) * 3_600, 'MB/h')
  stage.figure('sockets, most', Math.max(...sockets))
  stage.figure('sockets grow by', slope(sockets) * 3_600, '/h')
}

/** Of the straight line through values a second apart, by least squares; NaN of fewer than two. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const moments = values.map((value, at) => ({ xy: (at - middle) * (value - mean), xx: (at - middle) ** 2 }))
  return moments.reduce((sum, { xy }) => sum + xy, 0) / moments.reduce((sum, { xx }) => sum + xx, 0)
}

function positive(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise)
  if (value > 0 && Number.isFinite(value)) return value
  process.stderr.write(`${name}=${process.env[name]}: expected a number above 0\n`)
  process.exit(2)
}

const servers = new Servers()
const guard = new Guard()
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort(signal))
process.stdout.write(`seed ${seed}\n`)
try {
  const result = await runScenario(soak, { seed, isShort: false, servers, guard, signal: interrupted.signal })
  process.stdout.write(
    `${paragraph(result).replace(/make faults SCENARIO=0/, `make soak MINUTES=${minutes} RATE=${rate}`)}\n`,
  )
  process.exitCode = result.outcome === 'passed' ? 0 : 1
} finally {
  await servers.remove()
  await guard.dismiss()
}
