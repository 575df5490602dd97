import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Guard } from './guard.ts'
import type { Result } from './result.ts'
import type { Scenario } from './scenario.ts'
import { connected, type Servers } from './servers.ts'
import { Stage } from './stage.ts'

export interface RunningOptions {
  readonly seed: number
  readonly isShort: boolean
  readonly servers: Servers
  readonly guard: Guard
  /** Gives up; the scenario has failed then. */
  readonly signal: AbortSignal
}

/** Runs one scenario from its needs to its end. Never throws: what goes wrong is in the result. */
export async function runScenario(scenario: Scenario, options: RunningOptions): Promise<Result> {
  const { seed, isShort } = options
  const startedAt = performance.now()
  const start = { number: scenario.number, title: scenario.title, seed, isShort }
  const nothing = { figures: [], verdict: null, faults: 0, folder: null, seconds: 0 }
  const missing = await missingOf(scenario, isShort)
  if (missing.length > 0) return { ...start, ...nothing, outcome: 'skipped', reasons: missing }
  const folder = await mkdtemp(join(tmpdir(), `ringback-faults-${scenario.number}-`))
  const takeBack = options.guard.undo(`rm -rf '${folder}'`)
  const { stage, failures } = await perform(scenario, options, folder)
  const isFailed = failures.length > 0
  takeBack()
  if (!isFailed) await rm(folder, { recursive: true, force: true })
  return {
    ...start,
    outcome: isFailed ? 'failed' : 'passed',
    reasons: failures,
    seconds: (performance.now() - startedAt) / 1_000,
    figures: stage?.figures ?? [],
    verdict: stage?.verdict ?? null,
    faults: stage?.faults ?? 0,
    folder: isFailed ? folder : null,
  }
}

async function missingOf({ needs = [], short = true }: Scenario, isShort: boolean): Promise<string[]> {
  const answers = await Promise.all(needs.map(need => need()))
  return [...answers.filter(answer => answer !== null), ...(isShort && !short ? ['has no short form'] : [])]
}

/** On a stage of its own, which is taken down in any case. */
async function perform(scenario: Scenario, options: RunningOptions, folder: string) {
  const failures: string[] = []
  const fail = (error: unknown) => {
    failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  let stage: Stage | undefined
  try {
    const database = await options.servers.database(scenario.server)
    stage = new Stage({ ...options, folder, database, client: await connected(database.url) })
    await within(scenario.run(stage), (scenario.limitSeconds ?? 600) * 1_000, options.signal)
  } catch (error) {
    fail(error)
  }
  await stage?.end().catch(fail)
  return { stage, failures: [...(stage?.failures ?? []), ...failures] }
}

async function within(run: Promise<void>, ms: number, signal: AbortSignal): Promise<void> {
  // When it is given up it goes on failing on a stage that is gone.
  run.catch(() => {})
  const over = new AbortController()
  const late = new Promise<never>((_, reject) => {
    const giveUp = (why: string) => reject(new Error(why))
    const timer = setTimeout(giveUp, ms, `did not end within ${ms / 1_000} s`)
    over.signal.addEventListener('abort', () => clearTimeout(timer))
    if (signal.aborted) giveUp('interrupted')
    signal.addEventListener('abort', () => giveUp('interrupted'), { signal: over.signal })
  })
  try {
    await Promise.race([run, late])
  } finally {
    over.abort()
  }
}
