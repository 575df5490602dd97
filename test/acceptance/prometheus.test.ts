/**
 * A real Prometheus scrapes two relays while a receiver fails and relays are killed: the right alerts fire, each within its time,
 * and stop. All of Prometheus' times are a fifteenth of those in deploy/: a scrape a second, and two minutes are eight seconds.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { missingProgram } from '../fixtures/missing-program.ts'
import { Receiver } from '../fixtures/receiver.ts'
import type { RelayProcess } from '../fixtures/relay-process.ts'
import { Stage } from '../fixtures/stage.ts'

const scale = 15
/** Two minutes. */
const alertMs = 120_000 / scale

/** `for: 30s` and `[10m]`, as many times shorter. */
function scaled(rules: string): string {
  const seconds = { s: 1, m: 60, h: 3_600 }
  return rules.replace(/(for: |\[)(\d+)([smh])/g, (_, before, count, unit: keyof typeof seconds) => {
    return `${before}${Math.max(1, Math.ceil((count * seconds[unit]) / scale))}s`
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert(typeof address === 'object' && address !== null)
  return address.port
}

async function prometheus(t: Test, targets: readonly string[]): Promise<{ firing(): Promise<string[]> }> {
  const rules = scaled(readFileSync(new URL('../../deploy/prometheus/rules.yaml', import.meta.url), 'utf8'))
  const config = `
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yaml]
scrape_configs: [{ job_name: ringback, static_configs: [{ targets: ${JSON.stringify(targets)} }] }]
`
  const folder = t.testdir({ 'prometheus.yaml': config, 'rules.yaml': rules, data: {} })
  const address = `127.0.0.1:${await freePort()}`
  const flags = ['config.file=prometheus.yaml', 'storage.tsdb.path=data', `web.listen-address=${address}`]
  const child = spawn(
    'prometheus',
    flags.map(each => `--${each}`),
    { cwd: join(folder), stdio: 'ignore' },
  )
  t.teardown(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const firing = async () => {
    const response = await fetch(`http://${address}/api/v1/alerts`)
    const { data } = (await response.json()) as {
      data: { alerts: { state: string; labels: { alertname: string } }[] }
    }
    const names = data.alerts.filter(each => each.state === 'firing').map(each => each.labels.alertname)
    return [...new Set(names)].sort()
  }
  await eventually(firing)
  return { firing }
}

t.test('the right alerts fire, each within its time, and stop', { skip: missingProgram('prometheus') }, async t => {
  const stage = await Stage.open(t)
  const ill = await Receiver.start()
  t.teardown(() => ill.close())
  const ports = [await freePort(), await freePort()] as const
  const start = (n: 0 | 1) => stage.relay({ name: `relay-${n}`, listen: `127.0.0.1:${ports[n]}` })
  const relays: [RelayProcess, RelayProcess] = [await start(0), await start(1)]
  const { firing } = await prometheus(
    t,
    ports.map(port => `127.0.0.1:${port}`),
  )
  const becomes = async (wanted: readonly string[], what: string) => {
    const startedAt = performance.now()
    await eventually(async () => assert.deepEqual(await firing(), wanted), { deadlineMs: 2 * alertMs })
    const tookMs = performance.now() - startedAt
    t.comment(`${what}: ${((tookMs * scale) / 1_000).toFixed(0)} s of unscaled time`)
    return tookMs
  }

  await stage.send({ a: 1 })
  await stage.drained()
  await becomes([], 'all is well')

  ill.answer = () => 503
  for (let n = 0; n < 30; n += 1) await stage.insert({ url: ill.url(`/${n}`), max_attempts: 1_000 })
  t.ok((await becomes(['RingbackOriginFailing'], 'a receiver fails')) <= alertMs)
  ill.answer = () => 200
  await becomes([], 'it is well again')
  await stage.drained()

  relays[1].kill('SIGKILL')
  await relays[1].exited
  t.ok((await becomes(['RingbackRelayDown'], 'one relay is killed')) <= alertMs)
  relays[0].kill('SIGKILL')
  await relays[0].exited
  t.ok((await becomes(['RingbackNoRelayServing', 'RingbackRelayDown'], 'and the other')) <= alertMs)
  relays[0] = await start(0)
  await becomes(['RingbackRelayDown'], 'one is started')
  relays[1] = await start(1)
  await becomes([], 'and the other')
})
