/**
 * `node --import tsx test/simulation/run.ts SEED`: one world, with all that happens in it.
 * `node --import tsx test/simulation/run.ts FROM TO`: many; says only in which ones a promise was broken, and how fast it was.
 *
 * A process of its own: the hooks by which tap follows every promise would make it four times slower.
 */
import { type Run, type SimulationOptions, simulate } from './simulation.ts'

/** More would say nothing new. */
const mostFaults = 5

/** In every fifth world nothing delivered is kept, and in another one what is settled is deleted soon. */
function simulated(seed: number, options: SimulationOptions = {}): Promise<Run> {
  const scenario = [
    { kept: { keepDeliveredMs: 0, keepDeadMs: 1_000 } },
    { kept: { keepDeliveredMs: 300, keepDeadMs: 1_000 } },
  ][seed % 5]
  return simulate(seed, scenario ? { ...options, scenario } : options)
}

/** What to say of a world in which a promise was broken; null when all were kept. */
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
