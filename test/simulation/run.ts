/**
 * `node --import tsx test/simulation/run.ts SEED`: runs one world, and prints everything that happens in it.
 * `node --import tsx test/simulation/run.ts FROM TO`: runs many, and prints which ones broke a promise, and the speed.
 *
 * It is no test file, since tap's hooks on every promise would make it four times slower.
 */
import { calmGateway, changingSettings, mixedSettings, type Scenario } from './scenario.ts'
import { type Run, type SimulationOptions, simulate } from './simulation.ts'

/** After so many faults it stops: more would show nothing new. */
const mostFaults = 5

/**
 * By the last digit of the seed: delivered rows are deleted at once, settled rows are deleted soon, there is a gateway,
 * relays disagree about their settings, or statements of background work take too long.
 */
const scenarios = new Map<number, Partial<Scenario>>([
  [0, { kept: { keepDeliveredMs: 0, keepDeadMs: 1_000 } }],
  [5, { kept: { keepDeliveredMs: 0, keepDeadMs: 1_000 } }],
  [1, { kept: { keepDeliveredMs: 300, keepDeadMs: 1_000 } }],
  [6, { kept: { keepDeliveredMs: 300, keepDeadMs: 1_000 } }],
  [2, calmGateway],
  [7, { gateway: 'rough' }],
  [3, mixedSettings],
  [8, changingSettings],
  [9, { cancels: 0.3, slowOneIn: 4 }],
])

function simulated(seed: number, options: SimulationOptions = {}): Promise<Run> {
  const scenario = scenarios.get(seed % 10)
  return simulate(seed, scenario ? { ...options, scenario } : options)
}

/** The text about a world that broke a promise; null for one that kept all. */
function faultOf(seed: number, { verdict, strays }: Run): string | null {
  const violations = verdict.violations.map(({ kind, messageId, detail }) => `${kind}: ${messageId} ${detail}`)
  const lines = [...violations, ...strays.map(stray => `stray: ${stray}`)].map(line => `  ${line}`)
  if (lines.length === 0) return null
  const again = `node --import tsx test/simulation/run.ts ${seed}`
  return [`seed ${seed}: ${lines.length} promises broken`, ...lines, `  again: ${again}`].join('\n')
}

async function one(seed: number): Promise<number> {
  const run = await simulated(seed, { trace: line => console.log(line) })
  const { committed, arrivals, duplicates } = run.verdict
  console.log(`seed ${seed}: ${committed} callbacks, ${arrivals} arrivals, ${duplicates} of them duplicates`)
  const fault = faultOf(seed, run)
  if (fault !== null) console.log(fault)
  return fault === null ? 0 : 1
}

async function many(from: number, to: number): Promise<number> {
  const startedAt = performance.now()
  let faults = 0
  let seed = from
  for (; seed <= to && faults < mostFaults; seed += 1) {
    const fault = faultOf(seed, await simulated(seed))
    if (fault === null) continue
    console.log(fault)
    faults += 1
  }
  const seconds = (performance.now() - startedAt) / 1_000
  console.log(
    `seeds ${from} to ${seed - 1} in ${seconds.toFixed(1)} s, ${Math.round((seed - from) / seconds)} a second`,
  )
  return faults
}

const [from = 1, to] = process.argv.slice(2).map(Number)
process.exitCode = (to === undefined ? await one(from) : await many(from, to)) === 0 ? 0 : 1
