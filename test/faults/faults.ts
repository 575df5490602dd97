/**
 * The fault suite: `make faults`. Variables: SCENARIO=2,7 picks some; SEED repeats a run; SHORT=1 takes the form that CI runs;
 * JSON=file keeps the results; SAVE=1 puts them into results.json, from which the table in docs/understand/promise.md is, in place of those
 * scenarios' old ones; TEST_DATABASE_URL names a server for the scenarios that need none of their own.
 *
 * Exit code 1 when a scenario has failed, 2 when there is none of the numbers asked for.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { Guard } from './guard.ts'
import { paragraph, summary, table } from './report.ts'
import { formatResults, type Result, replaced, toKeep } from './result.ts'
import { runScenario } from './running.ts'
import { allScenarios } from './scenarios.ts'
import { Servers } from './servers.ts'

const { SCENARIO = '', SEED = '', SHORT = '', SAVE = '', JSON: file = '' } = process.env
const RESULTS = new URL('results.json', import.meta.url)
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort(signal))

const wanted = SCENARIO.split(',').filter(text => text !== '')
const scenarios = (await allScenarios()).filter(({ number }) => wanted.length === 0 || wanted.includes(String(number)))
if (scenarios.length === 0 || (wanted.length > 0 && scenarios.length < wanted.length)) {
  const known = (await allScenarios()).map(({ number }) => number).join(', ')
  process.stderr.write(
    `SCENARIO=${SCENARIO}: expected numbers of scenarios, such as SCENARIO=2,7; there are ${known}\n`,
  )
  process.exit(2)
}
if (SEED !== '' && !/^\d{1,9}$/.test(SEED)) {
  process.stderr.write(`SEED=${SEED}: expected a whole number of at most nine digits\n`)
  process.exit(2)
}
const seed = SEED === '' ? Math.floor(Math.random() * 1e9) : Number(SEED)
process.stdout.write(`seed ${seed}\n`)

const servers = new Servers()
const guard = new Guard()
const results: Result[] = []
try {
  for (const scenario of scenarios) {
    if (interrupted.signal.aborted) break
    const result = await runScenario(scenario, {
      seed,
      isShort: SHORT !== '',
      servers,
      guard,
      signal: interrupted.signal,
    })
    results.push(result)
    process.stdout.write(`${paragraph(result)}\n`)
  }
} finally {
  await servers.remove()
  await guard.dismiss()
}
process.stdout.write(`\n${table(results)}\n\n${summary(results)}\n`)
if (file !== '') writeFileSync(file, formatResults(results))
if (SAVE === '1') {
  const saved = JSON.parse(readFileSync(RESULTS, 'utf8')) as Result[]
  writeFileSync(RESULTS, formatResults(replaced(saved, results.map(toKeep))))
}
const ended = interrupted.signal.reason as NodeJS.Signals | undefined
process.exitCode =
  ended === undefined ? Number(results.some(({ outcome }) => outcome === 'failed')) : 128 + constants.signals[ended]
