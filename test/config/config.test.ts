import { chmodSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { commandNamed, durationMs, durationText, type Environment, parse } from '../../src/config/config.ts'
import type { CommandName } from '../../src/config/options.ts'
import { UsageError } from '../../src/errors.ts'

/** The faults of a command line that must be refused. */
function faultsOf(command: CommandName, argv: readonly string[], env: Environment = {}): readonly string[] {
  try {
    parse(command, argv, env)
  } catch (error) {
    if (error instanceof UsageError) return error.faults
    throw error
  }
  return []
}

t.test('nothing given means the documented defaults', async t => {
  const { config } = parse('run', [], {})
  t.match(config, {
    schema: 'outbox',
    name: hostname().slice(0, 100),
    maxAttempts: 12,
    retryBaseMs: 1_000,
    retryCapMs: 3_600_000,
    retryAfterCapMs: 3_600_000,
    deadlineMs: 15_000,
    connectTimeoutMs: 5_000,
    leaseMs: 30_000,
    leaseMarginMs: 2_000,
    concurrency: 256,
    originConcurrency: null,
    excerptBytes: 1_024,
    memoryRows: 20_000,
    pollMs: 1_000,
    lingerMs: 50,
    graceMs: 20_000,
    prepared: true,
    logLevel: 'info',
    logFormat: 'auto',
    databaseUrl: null,
  })
})

t.test('the result is frozen, lists included, and no default can be changed through it', async t => {
  const result = parse('replay', ['--id', '1'], {})
  t.ok(Object.isFrozen(result) && Object.isFrozen(result.config) && Object.isFrozen(result.config.ids))
  t.ok(Object.isFrozen(parse('replay', ['--dead', '--all'], {}).config.ids))
})

t.test('a command gets its own options only', async t => {
  t.same(Object.keys(parse('status', [], {}).config).sort(), [
    'databaseUrl',
    'databaseUrlFile',
    'json',
    'logLevel',
    'schema',
  ])
})

t.test(
  'all faults are named at once, one line each, with where it came from, what was expected and what came',
  async t => {
    const argv = ['--conccurency', '8', '--deadline', '30', '--max-attempts=none', '--log-level', 'inof', 'extra']
    const faults = faultsOf('run', argv, { RINGBACK_LEAES: '5s', RINGBACK_POLL: '1w' })
    t.same(faults, [
      'RINGBACK_LEAES: unknown environment variable; did you mean RINGBACK_LEASE?',
      '--conccurency: unknown option; did you mean --concurrency?',
      'unexpected argument "extra"; "run" takes no more arguments',
      '--deadline (flag): expected a duration from 10ms to 10m with its unit (ms, s, m, h or d), such as 30s or 30ms, not a bare number; got "30"',
      '--max-attempts (flag): expected a whole number from 1 to 10000; got "none"',
      '--poll (environment variable RINGBACK_POLL): expected a duration from 10ms to 1h with its unit (ms, s, m, h or d); got "1w"',
      '--log-level (flag): expected trace, debug, info, warn, error, fatal; did you mean "info"?; got "inof"',
    ])
  },
)

t.test('a usage error has a stable code, exit code 2, and points to the help', async t => {
  t.throws(() => parse('run', ['--nope'], {}), {
    code: 'RINGBACK_USAGE',
    exitCode: 2,
    name: 'UsageError',
    message: /ringback run --help/,
  })
})

t.test('a value with a line break stays on one line of the message', async t => {
  t.notMatch(faultsOf('run', ['--name', 'a\nb'])[0], /\n/)
})

t.test('a flag wins over its variable, the last of two flags wins, an empty variable counts as not set', async t => {
  t.equal(parse('run', ['--poll', '2s'], { RINGBACK_POLL: '3s' }).config.pollMs, 2_000)
  t.equal(parse('run', ['--poll', '2s', '--poll=4s'], {}).config.pollMs, 4_000)
  t.equal(parse('run', [], { RINGBACK_POLL: '3s' }).config.pollMs, 3_000)
  t.equal(parse('run', [], { RINGBACK_POLL: '' }).config.pollMs, 1_000)
})

t.test('variables of another command and of tests are left alone', async t => {
  t.same(faultsOf('status', [], { RINGBACK_CONCURRENCY: 'many', RINGBACK_TEST_ANYTHING: '1' }), [])
})

t.test('variables that Kubernetes sets for a Service called ringback are left alone', async t => {
  const names = ['SERVICE_HOST', 'SERVICE_PORT', 'SERVICE_PORT_METRICS', 'PORT', 'PORT_9464_TCP', 'PORT_9464_TCP_ADDR']
  for (const name of [...names, ...names.map(each => `UI_${each}`)])
    t.same(faultsOf('run', [], { [`RINGBACK_${name}`]: 'tcp://10.0.0.1:9464' }), [], name)
})

t.test('an option of another command is refused with its name', async t => {
  t.same(faultsOf('run', ['--dead']), ['--dead: not an option of "run", but of replay'])
})

t.test('an option without its value does not swallow the flag behind it', async t => {
  const faults = faultsOf('run', ['--lease', '--max-attempts', '0', '--poll='])
  t.match(faults, [/^--max-attempts \(flag\)/, /^--lease \(flag\).*got nothing$/, /^--poll \(flag\).*got nothing$/])
})

t.test('single dashes and far-off names are unknown options', async t => {
  t.same(faultsOf('run', ['-lease', '5s']), ['-lease: unknown option; did you mean --lease?'])
  t.same(faultsOf('run', ['--zzzzzzzzzz']), ['--zzzzzzzzzz: unknown option'])
})

t.test('statements without names are asked for by --no-prepared or RINGBACK_PREPARED=false', async t => {
  t.equal(parse('run', ['--no-prepared'], {}).config.prepared, false)
  t.equal(parse('run', [], { RINGBACK_PREPARED: 'false' }).config.prepared, false)
  t.equal(parse('run', ['--prepared'], { RINGBACK_PREPARED: 'false' }).config.prepared, true)
  t.match(faultsOf('run', [], { RINGBACK_NO_PREPARED: 'true' }), [/write RINGBACK_PREPARED=false/])
  t.match(faultsOf('run', ['--no-prepared=true']), [
    /^--prepared \(flag\): expected true or false; got "--no-prepared=true"$/,
  ])
  t.match(faultsOf('run', [], { RINGBACK_PREPARED: 'yes' }), [/expected true or false; got "yes"/])
})

t.test('a configuration that breaks an invariant is refused with the invariant', async t => {
  const rules: [string[], RegExp][] = [
    [
      ['--lease', '17s'],
      /--lease "17s" \(flag\), --deadline 15s \(default\), --lease-margin 2s \(default\): .*another relay could/,
    ],
    [['--connect-timeout', '16s'], /--connect-timeout must be at most --deadline/],
    [['--concurrency', '15', '--origin-concurrency', '16'], /--origin-concurrency must be at most --concurrency/],
    [['--retry-base', '2h'], /--retry-base must be at most --retry-cap/],
  ]
  for (const [argv, rule] of rules) t.match(faultsOf('run', argv), [rule], argv.join(' '))
  t.same(
    faultsOf('run', [
      '--lease',
      '17001ms',
      '--connect-timeout=15s',
      '--concurrency=16',
      '--origin-concurrency=16',
      '--retry-base=1h',
    ]),
    [],
  )
})

t.test('no invariant is held against a value that could not be read', async t => {
  t.equal(faultsOf('run', ['--lease', '1x']).length, 1)
})

t.test('of contradictory options of replay, one fault says what to leave out or to add', async t => {
  const [one, filter] = [/: give one of --id, --dead and --now, so/, /: --dead needs --url, --since or both, or --all/]
  const all = /: --all stands for every dead callback: it needs --dead, and excludes --url and --since$/
  const faults: [string, RegExp[]][] = [
    ['', [one]],
    ['--id 5 --dead', [one]],
    ['--id 5 --dead --all', [one]],
    ['--now --dead', [/: --now needs either --id or --url, and not --dead/]],
    ['--dead', [filter]],
    ['--dead --all --since 2h', [all]],
    ['--dead --all --url https://a/', [all]],
    ['--id 5 --all', [all]],
    ['--dead --all', []],
    ['--dead --since 2h', []],
  ]
  for (const [argv, expected] of faults) {
    const found = faultsOf('replay', argv.split(' ').filter(Boolean))
    t.equal(found.length, expected.length, argv)
    t.match(found, expected, argv)
  }
})

t.test('replay takes several ids', async t => {
  t.same(parse('replay', ['--id', '1', '--id', '2,3'], {}).config.ids, ['1', '2', '3'])
})

t.test('an entry of a list that is none is named, with what was expected', async t => {
  t.same(parse('run', ['--allow', '127.0.0.1', '--allow=crm.example:80,::1'], {}).config.allow, [
    '127.0.0.1',
    'crm.example:80',
    '::1',
  ])
  t.same(parse('run', [], { RINGBACK_DENY: '10.0.0.0/8, *.crm.example' }).config.deny, ['10.0.0.0/8', '*.crm.example'])
  t.match(faultsOf('run', ['--deny', '10.0.0.0/8,127.1,::1,10.2']), [
    /^--deny \(flag\): expected an address .*; got "127\.1"$/,
    /^--deny \(flag\): expected an address .*; got "10\.2"$/,
  ])
  t.match(faultsOf('run', [], { RINGBACK_ALLOW: 'https://crm.example' }), [
    /RINGBACK_ALLOW.*got "https:\/\/crm\.example"$/,
  ])
})

t.test('how long callbacks are kept is an age, or never', async t => {
  const { keepDeliveredMs, keepDeadMs } = parse('run', ['--keep-delivered', '7d'], {
    RINGBACK_KEEP_DEAD: 'never',
  }).config
  t.same([keepDeliveredMs, keepDeadMs], [7 * 86_400_000, Number.POSITIVE_INFINITY])
  t.equal(parse('run', ['--keep-delivered', '0'], {}).config.keepDeliveredMs, 0)
  t.match(faultsOf('run', ['--keep-delivered', '0.5']), [/expected never, 0 or a duration/])
  t.equal(faultsOf('run', ['--keep-dead', '0']).length, 1)
  t.match(faultsOf('run', ['--keep-dead', '90']), [
    '--keep-dead (flag): expected never or a duration from 1m to 36500d with its unit, such as 30d; got "90"',
  ])
})

t.test('purge takes an id or times, and not both', async t => {
  const { purgeId, deliveredBefore } = parse('purge', ['--delivered-before', '1d'], {}, Date.UTC(2026, 2, 2)).config
  t.same([purgeId, deliveredBefore], [null, '2026-03-01T00:00:00.000Z'])
  t.match(faultsOf('purge', ['--id', '7', '--dead-before', '1d']), [/do not give them together$/])
})

t.test('replay narrows by --url and --since only with --dead', async t => {
  t.match(faultsOf('replay', ['--id', '1', '--url', 'https://a/', '--since', '1h']), [
    /--url narrows/,
    /--since narrows/,
  ])
})

t.test('--since takes a time with its zone, a day, or a duration ago', async t => {
  const since = (text: string) =>
    parse('replay', ['--dead', '--since', text], {}, Date.parse('2026-03-02T00:00:00Z')).config.since
  t.equal(since('2h'), '2026-03-01T22:00:00.000Z')
  t.equal(since('2026-03-01'), '2026-03-01T00:00:00.000Z')
  t.equal(since('2026-03-01T12:00:00+01:00'), '2026-03-01T11:00:00.000Z')
  for (const text of ['2026-03-01T12:00:00', '2026-02-31', '2026-02-31T00:00Z', 'yesterday', '2', '99999999999h']) {
    t.match(faultsOf('replay', ['--dead', '--since', text]), [/expected an ISO 8601 time/], text)
  }
})

t.test('an id is a positive bigint, and keeps all its digits', async t => {
  t.equal(parse('attempts', ['9223372036854775807'], {}).config.id, '9223372036854775807')
  for (const id of ['0', '-1', '1.5', 'x', '9223372036854775808']) t.ok(faultsOf('attempts', ['--', id]).length > 0, id)
  t.match(faultsOf('attempts', []), [/^<id> \(argument\): .*got nothing$/])
  t.match(faultsOf('attempts', ['1', '2']), [/unexpected argument "2"/])
})

t.test('the database is named by flag, RINGBACK_DATABASE_URL or DATABASE_URL, in that order', async t => {
  const env = { RINGBACK_DATABASE_URL: 'postgres://b/', DATABASE_URL: 'postgresql://c/' }
  t.equal(parse('run', ['--database-url', 'postgres://a/'], env).config.databaseUrl, 'postgres://a/')
  t.equal(parse('run', [], env).config.databaseUrl, 'postgres://b/')
  t.equal(parse('run', [], { DATABASE_URL: env.DATABASE_URL }).config.databaseUrl, 'postgresql://c/')
})

t.test('the URL of the database is never repeated in a message', async t => {
  for (const url of ['mysql://u:hunter2@h/', 'postgres://u:hunter2#@h:x/']) {
    const faults = faultsOf('run', [], { DATABASE_URL: url })
    t.match(faults, [
      /^--database-url \(environment variable DATABASE_URL\): expected .* got a value that is not shown$/,
    ])
    t.notMatch(faults[0], /hunter2/)
  }
  const both = faultsOf('run', ['--database-url-file', '/run/url'], { DATABASE_URL: 'postgres://u:hunter2@h/' })
  t.match(both, [/only one of --database-url and --database-url-file/])
  t.notMatch(both[0], /hunter2/)
})

t.test('a file can hold the URL of the database, and is refused when it does not', async t => {
  const folder = t.testdir({ good: ' postgres://u:p@h/d\n', bad: 'hunter2', empty: '\n' })
  const good = join(folder, 'good')
  t.equal(parse('run', ['--database-url-file', good], {}).config.databaseUrl, 'postgres://u:p@h/d')
  for (const variable of ['RINGBACK_DATABASE_URL_FILE', 'DATABASE_URL_FILE']) {
    t.equal(parse('status', [], { [variable]: good }).config.databaseUrl, 'postgres://u:p@h/d', variable)
    const unusable = {
      bad: 'holds something else, which is not shown',
      empty: 'is empty',
      none: 'cannot be read \\(ENOENT\\)',
      '.': 'cannot be read \\(EISDIR\\)',
    }
    for (const [file, why] of Object.entries(unusable)) {
      const faults = faultsOf('run', [], { [variable]: join(folder, file) })
      t.match(faults, [
        new RegExp(`^--database-url-file \\(environment variable ${variable}\\): expected .*; got ".+", which ${why}$`),
      ])
      t.notMatch(faults[0], /hunter2/)
    }
    const both = faultsOf('run', [], { DATABASE_URL: 'postgres://u:hunter2@h/', [variable]: good })
    t.match(both, [new RegExp(`variable DATABASE_URL\\), .*variable ${variable}\\): only one of`)])
    t.notMatch(both[0], /hunter2/)
  }
})

t.test('the password of the page is read from a file that nobody else may use, and is never repeated', async t => {
  const folder = t.testdir({ good: ' correct horse battery\n', short: 'hunter2', open: 'correct horse battery' })
  const at = (file: string) => join(folder, file)
  for (const file of ['good', 'short']) chmodSync(at(file), 0o600)
  chmodSync(at('open'), 0o640)
  const faults = faultsOf('ui', ['--password-file', at('short')])
  t.match(parse('ui', ['--password-file', at('good')], {}).config, { password: 'correct horse battery' })
  t.match(faults, [/at least 12 characters; got "\/[^"]*"$/])
  t.notMatch(faults[0], /hunter2/)
  t.match(faultsOf('ui', ['--password-file', at('open')]), [/only its owner may use .*mode 640$/])
})

t.test('a URL in the wrong place is repeated without what may be a password', async t => {
  const url = 'postgres://u:hunter2@h/d?password=hunter2'
  const misplaced: [command: CommandName, argv: string[], env?: Environment][] = [
    ['run', [url]],
    ['run', ['--', url]],
    ['run', ['--schema', url]],
    ['run', ['--database-url-file', url]],
    ['run', [], { DATABASE_URL_FILE: url }],
    ['run', ['--config', url]],
    ['run', [`--databas-url=${url}`]],
    ['run', ['--lease', `x${url}`]],
    ['attempts', ['--databas-url', url]],
    ['replay', ['--dead', '--url', 'ftp://hunter2@crm.example/']],
    ['replay', ['--dead', '--url', 'ftp://u:hunter2@2@crm.example/']],
  ]
  for (const [command, argv, env] of misplaced) {
    const faults = faultsOf(command, argv, env)
    t.ok(faults.length > 0, argv.join(' '))
    t.notMatch(faults.join(), /hunter2/, argv.join(' '))
  }
  t.match(
    t.throws(() => commandNamed(url)),
    { message: /unknown command "postgres:\/\/…"/ },
  )
})

t.test('durations read back as written, and a bare number is none', async t => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 10 ** 12 }), ms => durationMs(durationText(ms)) === ms))
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom('ms', 's', 'm', 'h', 'd'), (count, unit) => {
      const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit]
      return durationMs(`${count}${unit}`) === count * (factor ?? Number.NaN)
    }),
  )
  fc.assert(fc.property(fc.nat(), count => durationMs(String(count)) === null))
  for (const text of ['', 's', '1.5s', '-1s', '1 s', '1S', '1w', '1s ', '1e3ms']) t.equal(durationMs(text), null, text)
})

t.test('whatever is typed ends in a config or a usage error, never in another one', async () => {
  const words = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-', '--lease', '--id', '--dead', '--no-dead', '--since', '--url', '1', '5s'),
  )
  fc.assert(
    fc.property(fc.array(words), fc.constantFrom<CommandName>('run', 'replay', 'attempts'), (argv, command) => {
      faultsOf(command, argv)
    }),
  )
})

t.test('an unknown command suggests the near one', async t => {
  t.equal(commandNamed('run'), 'run')
  t.throws(() => commandNamed('rnu'), { exitCode: 2, message: /unknown command "rnu"; did you mean run\?/ })
  t.throws(() => commandNamed('toString'), { code: 'RINGBACK_USAGE' })
  t.throws(() => commandNamed('--lease'), { message: /expected a command .* before any option/ })
})

t.test('a relay does not start where Node would believe any receiver', async t => {
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
  t.match(faultsOf('run', [], env), [/^NODE_TLS_REJECT_UNAUTHORIZED: expected that certificates are verified; got "0"/])
  t.same(faultsOf('run', [], { NODE_TLS_REJECT_UNAUTHORIZED: '1' }), [])
  t.same(faultsOf('status', [], env), [])
})
