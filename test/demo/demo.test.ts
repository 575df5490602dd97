import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { demoProcess } from '../fixtures/demo-process.ts'

const ARRIVAL = /^ {2}\d\d:\d\d:\d\d\.\d{3} {2}\/.* #\d+ (\d{3}|---)$/

// What takes the time are the pauses of the demos.
t.jobs = 3

t.test(
  'it shows deliveries, an outage, replays, copies and a forgery; its figures add up; nothing is left behind',
  async t => {
    const demo = await demoProcess(t, { asMade: true })
    t.same(await demo.exited, { code: 0, signal: null }, 'exit code 0')
    const lines = demo.output().split('\n')
    const { written = 0, delivered, retries = 0, replays = 0, POSTs = 0, ...rest } = figuresOf(demo.output())
    t.ok(written > 30, 'a good number of callbacks')
    t.equal(delivered, written)
    t.ok(retries > 3, 'ten seconds of 503, and a lost answer')
    t.equal(replays, 2)
    t.equal(POSTs, written + retries + replays)
    t.equal(lines.filter(line => ARRIVAL.test(line)).length, POSTs + 1, 'each POST is shown, and the forged one')
    t.match(rest, { verified: written + 2, effects: written, duplicates: 2, forged: 1 })
    t.match(
      [...demo.output().matchAll(/#(\d) (\S+)\n +(has|duplicate|refused)/g)].map(([, ...shown]) => shown.join(' ')),
      ['1 --- has', '2 200 duplicate', '3 200 duplicate', '1 401 refused'],
      'a copy after an answer that was lost, one by a replay, a forgery',
    )
    t.match(demo.output(), /^ {3}1\. .* unknown .*\n.*2\. .* delivered .*\n.*3\. .* delivered /m)
    t.match(demo.output(), "It arrived 3 times. Its effects in the receiver's database: 1.")
    t.match(demo.output(), '--allow 127.0.0.1', 'that it may reach its own receivers is shown')
    t.match(rest, { 'rolled back': 2, 'out of order': 0 })
    t.match(demo.output(), 'rolled back          2   callbacks, of which 0 were sent')
    t.ok((rest['latency p50'] ?? 0) > 0, 'a latency')
    t.same(
      lines.filter(line => line.length > 80 || line.includes('\u001b')),
      [],
      'fits 80 columns, without colours where there is no terminal',
    )
    await demo.leavesNothing()
  },
)

t.test('--keep leaves it running, for other programs to use, until Ctrl-C', async t => {
  const demo = await demoProcess(t, { args: ['--keep'] })
  const [, url = ''] = await demo.until(/^ +export DATABASE_URL=(\S+)$/m)
  const [, page = ''] = await demo.until(/^ +page +(http:\S+)/m)
  t.match(await (await fetch(page)).text(), 'Ringback', 'the page for operators')
  const log = await demo.until(/^ +(\/\S+\/relay\.log)$/m)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('UPDATE scheduler.flow SET scheduling_status = 1 WHERE id = 3')
  await client.end()
  await demo.until(/status=2 \(resumed\) flowId=3 +#1 200$/m)
  const [, receiverUrl = ''] = await demo.until(/^ +psql (\S+\/receiver)$/m)
  const receiver = new pg.Client({ connectionString: receiverUrl })
  await receiver.connect()
  const { rows } = await receiver.query('SELECT path, form FROM effect ORDER BY id DESC LIMIT 1')
  await receiver.end()
  t.same(rows, [{ path: '/dwh/plan', form: 'status=2&flowId=3' }], 'its effect in the database of the receiver')
  t.ok(log[1])
  demo.kill('SIGINT', 'group')
  t.same(await demo.exited, { code: 0, signal: null }, 'exit code 0')
  await demo.leavesNothing()
})

t.test('Ctrl-C during initdb leaves nothing behind', async t => {
  for (const to of ['group', undefined] as const) {
    const demo = await demoProcess(t, { asMade: true })
    await demo.until(/PostgreSQL starts/)
    demo.kill('SIGINT', to)
    t.same(await demo.exited, { code: 130, signal: null }, 'exit code 130')
    t.notMatch(demo.output(), /failed|ringback:/)
    await demo.leavesNothing()
  }
})

t.test('Ctrl-C in the middle leaves nothing behind', async t => {
  const demo = await demoProcess(t)
  await demo.until(/#2 503$/m)
  demo.kill('SIGINT', 'group')
  t.same(await demo.exited, { code: 130, signal: null }, 'exit code 130')
  t.match(demo.output(), /Stopped\. Nothing is left behind\.\n$/)
  t.notMatch(demo.output(), /failed|ringback:/)
  await demo.leavesNothing()
})

t.test('killed outright it leaves nothing behind either', async t => {
  const demo = await demoProcess(t)
  await demo.until(/#1 200$/m)
  demo.kill('SIGKILL')
  t.same(await demo.exited, { code: null, signal: 'SIGKILL' })
  await demo.leavesNothing()
})

t.test('a relay that ends is a failure that shows its log', async t => {
  const demo = await demoProcess(t)
  await demo.until(/#1 200$/m)
  process.kill(await demo.relay(), 'SIGKILL')
  t.same(await demo.exited, { code: 1, signal: null }, 'exit code 1')
  t.match(
    demo.output(),
    /The demo has failed: the relay has ended, SIGKILL\n.*ringback-demo-relay-\d+\.log.*\n.*registered/s,
  )
  const [log = ''] = await readdir(demo.folder)
  await rm(join(demo.folder, log))
  await demo.leavesNothing()
})

t.test('it says so when its port is taken', async t => {
  const demo = await demoProcess(t, { args: [`--port=${new URL(process.env.TEST_DATABASE_URL ?? '').port}`] })
  t.same(await demo.exited, { code: 1, signal: null })
  t.match(demo.output(), /The demo has failed: the sample receiver cannot listen: .*EADDRINUSE/)
  await demo.leavesNothing()
})

/** The table at the end: each line's name and number. */
function figuresOf(output: string): Readonly<Record<string, number>> {
  const rows = output.matchAll(/^ {3}([A-Za-z][\w ]*?) {2,}([\d.]+)(?: ms)?(?: {3}.*)?$/gm)
  return Object.fromEntries([...rows].map(([, name = '', value]) => [name, Number(value)]))
}
