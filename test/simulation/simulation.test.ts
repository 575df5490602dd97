/**
 * Hundreds of worlds, each determined by its seed.
 *
 * - SIMULATION_SEEDS: how many. Default 500; `make check-all` takes 5,000.
 * - SIMULATION_FROM: the first one. Default 1.
 * - SIMULATION_SEED: that one alone, with everything that happens in it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { failedOnce } from './seeds.ts'
import { digestOf, simulate } from './simulation.ts'

t.setTimeout(600_000)

const { SIMULATION_SEED: only, SIMULATION_FROM: from = '1', SIMULATION_SEEDS: seeds = '500' } = process.env
const program = fileURLToPath(new URL('run.ts', import.meta.url))

/** The output of `run.ts`, and whether every promise was kept. */
async function run(...seeds: readonly number[]): Promise<{ readonly isKept: boolean; readonly said: string[] }> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...seeds.map(String)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  return { isKept: code === 0, said: text.trimEnd().split('\n') }
}

if (only !== undefined) {
  t.test(`seed ${only}`, async t => {
    const { isKept, said } = await run(Number(only))
    for (const line of said) t.comment(line)
    t.ok(isKept, said.at(-1) ?? '')
  })
} else {
  t.test('the same seed gives the same history', async t => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const [first, second] = [await simulate(seed), await simulate(seed)]
      t.equal(digestOf(first), digestOf(second), `seed ${seed}`)
    }
  })

  for (const { seed, showed } of failedOnce) {
    t.test(`seed ${seed}: ${showed}`, async t => {
      const { verdict, strays } = await simulate(seed)
      t.same([...verdict.violations, ...strays], [])
    })
  }

  t.test('every promise is kept, whatever happens in whatever order', async t => {
    const first = Number(from)
    const { isKept, said } = await run(first, first + Number(seeds) - 1)
    t.comment(said.at(-1) ?? '')
    t.ok(isKept, said.join('\n'))
  })
}
