import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { eventually } from '../fixtures/eventually.ts'
import { quick } from '../fixtures/quick.ts'
import { type LogLine, type RelayProcess, relayProcess } from '../fixtures/relay-process.ts'
import { built } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

const mounts = process.getuid?.() === 0 && process.platform === 'linux'

t.test('a log on a full device holds up neither deliveries nor the end', async t => {
  const stage = await Stage.open(t)
  const relay = start(t, stage, 'exec "$@" >/dev/full 2>&1')
  await stage.becomes(await stage.send({ a: 1 }), 'delivered')
  await stops(t, relay)
})

t.test(
  'a relay starts and delivers while the disk of its log is full, and says once how many lines are missing',
  { skip: mounts ? false : 'only root on Linux can mount a small disk' },
  async t => {
    const stage = await Stage.open(t)
    const disk = smallDisk(t)
    const log = join(disk, 'log')
    const ballast = join(disk, 'ballast')
    fillAllButOnePage(ballast, log)
    const relay = start(t, stage, `exec "$@" >'${log}'`)
    await insertMany(stage, 50)
    await stage.drained()
    t.notOk(linesOf(readFileSync(log, 'utf8')).some(isDropped), 'the disk is still full')

    rmSync(ballast)
    await eventually(() => assert(linesOf(readFileSync(log, 'utf8')).some(isDropped)))
    await stage.becomes(await stage.send({ a: 1 }), 'delivered')
    await stops(t, relay)
    const lines = linesOf(readFileSync(log, 'utf8'))
    t.equal(lines.filter(isDropped).length, 1)
    t.equal(
      lines.filter(({ event }) => event === undefined).length,
      1,
      'the line in which the disk became full is torn',
    )
    t.equal(attemptsIn(lines) + Number(lines.find(isDropped)?.lines) >= 51, true)
    t.match(lines.at(-1), { event: 'stopped' })
  },
)

t.test('a pipe that nobody reads holds up neither deliveries nor the end', async t => {
  const stage = await Stage.open(t)
  const { path } = pipe(t)
  const relay = start(t, stage, `exec "$@" >'${path}'`)
  await insertMany(stage, 500)
  await stage.drained()
  await stops(t, relay)
})

t.test('what a pipe that nobody reads cannot hold is dropped and counted, and said when it is read', async t => {
  const stage = await Stage.open(t)
  const { path, read } = pipe(t)
  const relay = start(t, stage, `exec "$@" >'${path}'`)
  await insertMany(stage, 2_500)
  await stage.drained()
  let text = ''
  const dropped = await eventually(() => {
    text += read()
    const line = linesOf(text).find(isDropped)
    assert(line)
    return line
  })
  t.ok(Number(dropped.lines) > 0)
  t.ok(attemptsIn(linesOf(text)) + Number(dropped.lines) >= 2_500, 'each line is there or is counted')
  await stops(t, relay)
})

t.test('a reader of the log that goes away does not end the relay', async t => {
  const stage = await Stage.open(t)
  const { path, close } = pipe(t)
  const relay = start(t, stage, `exec "$@" >'${path}'`)
  await stage.becomes(await stage.send({ a: 1 }), 'delivered')
  close()
  await insertMany(stage, 20)
  await stage.drained()
  await stops(t, relay)
})

t.test('a low limit of open files is named at the start', async t => {
  const stage = await Stage.open(t)
  const relay = start(t, stage, 'ulimit -n 512; exec "$@"')
  const { level, limit, needed, reason } = await relay.until('few_open_files')
  t.same([level, limit, needed], ['warn', 512, 256 + 1_024 + 512 + 100])
  t.match(reason, /lowered to 1;.*LimitNOFILE=.*--concurrency/)
  await stage.becomes(await stage.send({ a: 1 }), 'delivered')
})

t.test('a limit of open files with which the program cannot be loaded is named, too', async t => {
  const databaseUrl = 'postgres://127.0.0.1:1/none'
  // Which file it is that cannot be opened decides what the loader says.
  for (const files of [38, 40, 42]) {
    const relay = relayProcess(t, { databaseUrl, shell: `ulimit -n ${files}; exec "$@"`, program: built })
    t.same(await relay.exited, { code: 1, signal: null })
    t.match(relay.errors(), /(EMFILE|Cannot find package).*\nThe limit of open files is too low.*LimitNOFILE=/)
  }
})

t.test('a limit of open files that suffices is not named', async t => {
  const stage = await Stage.open(t)
  const relay = start(t, stage, 'ulimit -n 2000; exec "$@"')
  await relay.until('registered')
  t.notOk(relay.logs.some(({ event }) => event === 'few_open_files'))
})

function start(t: Pick<Test, 'teardown'>, stage: Stage, shell: string): RelayProcess {
  const options = { name: 'relay', 'log-level': 'debug', ...quick }
  return relayProcess(t, { databaseUrl: stage.database.url, options, shell })
}

async function stops(t: Test, relay: RelayProcess): Promise<void> {
  relay.kill('SIGTERM')
  t.same(await relay.exited, { code: 0, signal: null })
}

/** With keys that make long lines. */
async function insertMany(stage: Stage, count: number): Promise<void> {
  await stage.client.query(
    `insert into outbox.callback (url, form, ordering_key)
     select $1, '{"a": "1"}', n || repeat('k', 400) from generate_series(1, $2::integer) n`,
    [stage.receiver.url('/hook'), count],
  )
}

/** The end of a line is not there yet while it is being written. */
function linesOf(text: string): LogLine[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1)
  return complete
    .split('\n')
    .filter(line => line !== '')
    .map(parse)
}

function parse(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine
  } catch {
    return { text: line }
  }
}

function isDropped({ event }: LogLine): boolean {
  return event === 'log_lines_dropped'
}

function attemptsIn(lines: readonly LogLine[]): number {
  return lines.filter(({ event }) => event === 'attempt').length
}

function smallDisk(t: Test): string {
  const disk = t.testdir()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])
  t.teardown(() => void execFileSync('umount', ['--lazy', disk]))
  return disk
}

/** The first lines of the log find a page of 4 KiB, and the disk becomes full within a line. */
function fillAllButOnePage(ballast: string, log: string): void {
  writeFileSync(log, '')
  writeFileSync(ballast, Buffer.alloc(1_048_576 - 4_096))
}

/** A pipe of which this process holds both ends, so that opening it waits for nobody. */
function pipe(t: Test): { readonly path: string; readonly read: () => string; readonly close: () => void } {
  const path = join(t.testdir(), 'pipe')
  execFileSync('mkfifo', [path])
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  let isOpen = true
  const close = () => {
    if (isOpen) closeSync(fd)
    isOpen = false
  }
  t.teardown(close)
  return { path, read: () => readAll(fd), close }
}

/** All that is in the pipe now. */
function readAll(fd: number): string {
  const parts: Buffer[] = []
  const buffer = Buffer.alloc(65_536)
  try {
    for (;;) parts.push(Buffer.from(buffer.subarray(0, readSync(fd, buffer))))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
  }
  return Buffer.concat(parts).toString()
}
