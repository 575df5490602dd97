/**
 * `make bench`: measures the parts that PART names (default all) and prints what they came to, a table for people on stdout;
 * with JSON=<file> the measurements as well. SAVE=1 puts them into results.jsonl in place of those parts' old ones.
 *
 * SCALE (default 1) times the numbers of rows; ROUNDS instead of each part's own number; BENCH_DATABASE_URL a server of your
 * own instead of an embedded PostgreSQL. Exit code 1 when anything failed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parts } from './parts.ts'
import { report } from './report.ts'
import { formatResults, type Header, parseResults, type Results, replaceParts } from './results.ts'
import { type Server, startServer } from './server.ts'
import { progress, Stage } from './stage.ts'

const RESULTS = new URL('results.jsonl', import.meta.url)

const chosen = (process.env.PART || Object.keys(parts).join(',')).split(',')
const scale = positive('SCALE', 1)
const rounds = process.env.ROUNDS ? positive('ROUNDS', 1) : undefined
const unknown = chosen.filter(part => !(part in parts))
if (unknown.length > 0) throw new Error(`PART takes some of ${Object.keys(parts).join(',')}; not ${unknown.join(',')}`)

const stopped = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    stopped.abort(new Error(`Stopped by ${signal}`))
    process.exit(130)
  })
}

const server = await startServer(stopped.signal)
try {
  const stages = await measure(server)
  const results: Results = {
    headers: stages.map(({ part }) => header(part, server)),
    measurements: stages.flatMap(stage => stage.measurements),
  }
  keep(results)
  process.stdout.write(report(results))
  const failures = stages.flatMap(stage => stage.failures)
  for (const failure of failures) progress(`failed: ${failure}`)
  process.exitCode = failures.length > 0 ? 1 : 0
} finally {
  await server.remove()
}

async function measure(server: Server): Promise<Stage[]> {
  const stages: Stage[] = []
  for (const part of chosen) {
    const stage = new Stage(part, server, { scale, rounds })
    stages.push(stage)
    await parts[part]?.(stage).catch(error => stage.fail('the part', error))
  }
  return stages
}

function header(part: string, { version }: Server): Header {
  const [cpu] = cpus()
  return {
    part,
    cpu: cpu?.model.trim() ?? 'unknown',
    cores: cpus().length,
    postgresql: version,
    node: process.versions.node,
    date: new Date().toISOString().slice(0, 10),
    scale,
  }
}

function keep(results: Results): void {
  if (process.env.JSON) writeFileSync(process.env.JSON, formatResults(results))
  if (process.env.SAVE === '1') writeFileSync(RESULTS, formatResults(replaceParts(saved(), results)))
}

function saved(): Results {
  try {
    return parseResults(readFileSync(RESULTS, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { headers: [], measurements: [] }
    throw error
  }
}

function positive(name: string, otherwise: number): number {
  const value = Number(process.env[name] || otherwise)
  if (value > 0) return value
  throw new Error(`${name} takes a number above 0, not ${process.env[name]}`)
}
