import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { RingbackError } from '../src/errors.ts'
import { version } from '../src/version.ts'
import { built, ringback as run } from './fixtures/ringback.ts'

/** As it is installed. */
const ringback = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => run(argv, env, built)

t.test('--version prints the version of package.json', async t => {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  t.equal(version, manifest.version)
  t.same(await ringback(['--version']), { code: 0, out: `${manifest.version}\n`, err: '' })
})

t.test('help is printed on stdout with exit code 0, for the whole and for a command', async t => {
  const whole = await ringback(['--help'])
  t.match(whole, { code: 0, err: '', out: /Usage: ringback <command>/ })
  t.equal((await ringback(['help'])).out, whole.out)
  t.equal((await ringback(['-h'])).out, whole.out)
  const run = await ringback(['run', '--help', '--nonsense'])
  t.match(run, { code: 0, err: '', out: /--origin-concurrency N/ })
  t.equal((await ringback(['help', 'run'])).out, run.out)
})

t.test('wrong usage ends with 2, says every fault on stderr, and nothing on stdout', async t => {
  const ended = await ringback(['status', '--concurrency', '8'], { RINGBACK_LEAES: '5s' })
  t.match(ended, { code: 2, out: '', err: /did you mean RINGBACK_LEASE\?\n.*--concurrency/ })
})

t.test('wrong settings of a relay are an event of its log too, unless that is for people', async t => {
  const ended = await ringback(['run', '--conccurency', '8'], { RINGBACK_LEAES: '5s' })
  t.match(JSON.parse(ended.out), { level: 'fatal', event: 'failed', faults: /RINGBACK_LEASE\?\n.*--concurrency\?$/ })
  const pretty = await ringback(['run', '--conccurency', '8', '--log-format', 'pretty'])
  t.equal(pretty.out, '')
})

t.test('what is misspelt is named with what may be meant, and without a stack', async t => {
  const ended = await ringback(['run', '--conccurency', '8', '--log-format', 'pretty'], { RINGBACK_LEAES: '5s' })
  t.match(ended, { code: 2, out: '', err: /did you mean RINGBACK_LEASE\?\n.*did you mean --concurrency\?/ })
  t.notMatch(ended.err, /\n {4}at /, 'no stack')
})

t.test('what is wrong with an argument does not steer the terminal', async t => {
  const { err } = await ringback(['a\u001b[2J\u009b31m\u202eb'])
  t.match(err, /a\\u001b\[2J\\u009b31m\\u202eb/)
  t.notMatch(err.replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
})

t.test('no command, or an unknown one, ends with 2 and a way on', async t => {
  t.same(await ringback([]), { code: 2, out: '', err: (await ringback(['--help'])).out })
  t.match(await ringback(['rnu']), { code: 2, out: '', err: /did you mean run\?/ })
  t.match(await ringback(['help', 'rnu']), { code: 2, out: '', err: /did you mean run\?/ })
  t.match(await ringback(['--hlep']), { code: 2, out: '', err: /did you mean --help\?/ })
  t.match(await ringback(['status', '--hlep']), { code: 2, out: '', err: /did you mean --help\?/ })
})

t.test('a database that does not answer ends with 1 and a plain sentence; with debug also the stack', async t => {
  const env = { DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none' }
  const plain = await ringback(['status'], env)
  t.match(plain, { code: 1, out: '', err: /^ringback: nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\).*\n$/ })
  t.notMatch(plain.err, /hunter2/)
  t.match((await ringback(['status', '--log-level', 'debug'], env)).err, /\n {4}at /)
})

t.test('a reader who stops reading is no fault', async t => {
  const child = spawn(process.execPath, [built, 'run', '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.destroy()
  let err = ''
  child.stderr.on('data', chunk => (err += chunk))
  const code = await new Promise(resolve => child.on('close', resolve))
  t.same({ code, err }, { code: 0, err: '' })
})

t.test('importing the program does not run it', async t => {
  const { main } = await import('../src/cli.ts')
  t.type(main, 'function')
})

t.test('every error of ours keeps its cause', async t => {
  class Sample extends RingbackError {
    readonly code = 'RINGBACK_SAMPLE'
    readonly exitCode = 1
  }
  const cause = new Error('why')
  t.match(new Sample('what', { cause }), { name: 'Sample', message: 'what', cause })
})
