import t from 'tap'
import { durationText, parse } from '../../src/config/config.ts'
import { options } from '../../src/config/options.ts'
import { File, ruleFile } from './file.ts'

const text = `
origins:
  - match: https://crm.example
    concurrency: 4
    rate: 50/s
    deadline: 5s
    max-attempts: 44
    breaker: { failures: 0, pause: 1m }
    headers: { x-tenant: scheduler }
    retry: [404, 409]
    unknown: hold
  - match: https://*.partner.example
    breaker: { pause: 2m }
`

t.test('without a file all origins go by the options', async t => {
  const argv = [
    '--origin-concurrency=8',
    '--deadline=7s',
    '--max-attempts=9',
    '--breaker-failures=3',
    '--breaker-pause=1m',
  ]
  t.same(parse('run', argv, {}).config.destinations.of('https://crm.example'), {
    concurrency: 8,
    growsTo: 8,
    ratePerSecond: null,
    deadlineMs: 7_000,
    maxAttempts: 9,
    breaker: { failures: 3, pauseMs: 60_000 },
    body: 'form',
    headers: [],
    retry: [],
    success: null,
    unknown: 'resend',
    signingKeys: [],
    tls: null,
    proxy: null,
  })
})

t.test('a rule sets what it names, and the options hold for the rest', async t => {
  const destinations = new File(t, text).destinations(
    '--origin-concurrency=8',
    '--breaker-failures=3',
    '--breaker-pause=3s',
  )
  t.same(destinations.of('https://crm.example'), {
    concurrency: 4,
    growsTo: 4,
    ratePerSecond: 50,
    deadlineMs: 5_000,
    maxAttempts: 44,
    breaker: { failures: 0, pauseMs: 60_000 },
    body: 'form',
    headers: ['x-tenant', 'scheduler'],
    retry: [404, 409],
    success: null,
    unknown: 'hold',
    signingKeys: [],
    tls: null,
    proxy: null,
  })
  const byOptions = {
    concurrency: 8,
    growsTo: 8,
    ratePerSecond: null,
    deadlineMs: 15_000,
    maxAttempts: 12,
    body: 'form',
    headers: [],
    retry: [],
    success: null,
    unknown: 'resend',
    signingKeys: [],
    tls: null,
    proxy: null,
  }
  t.same(destinations.of('https://a.partner.example'), { ...byOptions, breaker: { failures: 3, pauseMs: 120_000 } })
  t.same(destinations.of('https://partner.example'), { ...byOptions, breaker: { failures: 3, pauseMs: 3_000 } })
})

t.test('the number of POSTs at once may grow, unless an option or a rule gives a number', async t => {
  const file = ruleFile(t, 'rate: 5/s')
  const of = (...argv: string[]) => {
    const { concurrency, growsTo } = file.destinations(...argv).of('https://a.example')
    return [concurrency, growsTo]
  }
  t.same(of(), [16, 64])
  t.same(of('--concurrency=40'), [16, 40])
  t.same(of('--concurrency=8'), [8, 8])
  t.same(of('--origin-concurrency=16'), [16, 16])
  const { concurrency, growsTo } = ruleFile(t, 'concurrency: 4').destinations().of('https://a.example')
  t.same([concurrency, growsTo], [4, 4])
})

t.test('settings are frozen, since all callbacks to an origin share them', async t => {
  const settings = new File(t, text).destinations().of('https://crm.example')
  for (const each of [settings, settings.breaker, settings.headers, settings.retry, settings.signingKeys])
    t.ok(Object.isFrozen(each))
})

t.test('no rules are no rules', async t => {
  t.match(new File(t, 'origins: []').destinations().of('https://a.example'), { concurrency: 16 })
})

t.test('a misspelt field is a fault with the one that is meant', async t => {
  t.same(new File(t, 'origin: []').faults(), [
    '1:1 origins: expected a list; got nothing',
    '1:1 origin: unknown field; did you mean origins?',
  ])
  t.same(ruleFile(t, 'conccurency: 4').faults(), [
    '1:25 origins[0].conccurency: unknown field; did you mean concurrency?',
  ])
  t.same(ruleFile(t, 'breaker: { failure: 4 }').faults(), [
    '1:36 origins[0].breaker.failure: unknown field; did you mean failures?',
  ])
  t.same(ruleFile(t, '"a\\nb": 4').faults(), [
    '1:25 origins[0]."a\\nb": unknown field; the fields are match, concurrency, rate, deadline, max-attempts, breaker, body, headers, retry, success, unknown, sign, tls, proxy',
  ])
})

t.test('every misspelt field is named, also one that every object of JavaScript has', async t => {
  t.same(ruleFile(t, 'toString: 4, rates: 5').faults(), [
    '1:25 origins[0].toString: unknown field; the fields are match, concurrency, rate, deadline, max-attempts, breaker, body, headers, retry, success, unknown, sign, tls, proxy',
    '1:38 origins[0].rates: unknown field; did you mean rate?',
  ])
})

t.test('a value of the wrong kind is a fault with what was expected and what came', async t => {
  const duration = 'with its unit (ms, s, m, h or d)'
  const { min, max } = options.breakerPauseMs
  const pauses = `from ${durationText(min)} to ${durationText(max)}`
  const rate = 'expected N/s, N/m or N/h with N from 1 to 999999, such as 50/s'
  const success = 'expected { status: [N], body: CONDITION, mismatch: failed or rejected }'
  const body = 'expected { json: POINTER, equals: [VALUE] }, { contains: TEXT } or { not-contains: TEXT }'
  const mismatch = 'expected failed, which is tried again, or rejected, which is not'
  const pointer = 'expected a JSON Pointer, such as /code or /data/0/state'
  const value = 'expected a text, a number, true, false or null'
  const content = 'expected a text of 1 to 1000 characters'
  const breaker = 'expected { failures: N, pause: DURATION }, where failures: 0 switches it off'
  const refused: [setting: string, fault: string][] = [
    ['concurrency: 0', 'concurrency: expected a whole number from 1 to 4096; got "0"'],
    ['concurrency: 1.5', 'concurrency: expected a whole number from 1 to 4096; got "1.5"'],
    ['concurrency: many', 'concurrency: expected a whole number from 1 to 4096; got "many"'],
    ['concurrency: [4]', 'concurrency: expected a whole number from 1 to 4096; got a list'],
    ['concurrency:', 'concurrency: expected a whole number from 1 to 4096; got nothing'],
    ['rate: 50', `rate: ${rate}; got "50"`],
    ['rate: 0/s', `rate: ${rate}; got "0/s"`],
    ['rate: 5/d', `rate: ${rate}; got "5/d"`],
    ['rate: null', `rate: ${rate}; got nothing`],
    [
      'deadline: 5',
      `deadline: expected a duration from 10ms to 10m ${duration}, such as 5s or 5ms, not a bare number; got "5"`,
    ],
    ['deadline: 11m', `deadline: expected a duration from 10ms to 10m ${duration}; got "11m"`],
    ['max-attempts: 0', 'max-attempts: expected a whole number from 1 to 10000; got "0"'],
    ['deadline: { s: 5 }', `deadline: expected a duration from 10ms to 10m ${duration}; got a mapping`],
    ['breaker: off', `breaker: ${breaker}; got a text`],
    ['breaker: ~', `breaker: ${breaker}; got nothing`],
    ['breaker: { failures: -1 }', 'breaker.failures: expected a whole number from 0 to 1000; got "-1"'],
    ['retry: 404', 'retry: expected a list; got a text'],
    ['retry: [200]', 'retry[0]: expected a whole number from 400 to 499; got "200"'],
    ['retry: [404, 500]', 'retry[1]: expected a whole number from 400 to 499; got "500"'],
    ['success: yes', `success: ${success}; got a text`],
    ['success: {}', 'success.body: expected status, body or both; got nothing'],
    ['success: { status: [200], bdy: x }', 'success.bdy: unknown field; did you mean body?'],
    ['success: { status: [] }', 'success.status: expected at least one; got an empty list'],
    ['success: { status: [404] }', 'success.status[0]: expected a whole number from 200 to 299; got "404"'],
    ['success: { status: [200], mismatch: dead }', `success.mismatch: ${mismatch}; got "dead"`],
    ['success: { body: ok }', `success.body: ${body}; got a text`],
    ['success: { body: {} }', 'success.body.json: expected json, contains or not-contains; got nothing'],
    ['success: { body: { json: /code } }', 'success.body.equals: expected a list of values; got nothing'],
    ['success: { body: { json: code, equals: [0] } }', `success.body.json: ${pointer}; got "code"`],
    ['success: { body: { json: /a~2, equals: [0] } }', `success.body.json: ${pointer}; got "/a~2"`],
    ['success: { body: { json: /a, equals: 0 } }', 'success.body.equals: expected a list; got a text'],
    ['success: { body: { json: /a, equals: [[0]] } }', `success.body.equals[0]: ${value}; got a list`],
    ['success: { body: { contains: "" } }', `success.body.contains: ${content}; got nothing`],
    ['success: { body: { contains: a, equals: [0] } }', 'success.body.equals: expected json beside it; got nothing'],
    [
      'success: { body: { contains: a, not-contains: b } }',
      'success.body.not-contains: expected one condition; got it beside contains',
    ],
    ['body: xml', 'body: expected form, or json, which sends the form as it was written; got "xml"'],
    ['unknown: no', 'unknown: expected resend, or hold, which leaves the callback to an operator; got "no"'],
    ['unknown:', 'unknown: expected resend, or hold, which leaves the callback to an operator; got nothing'],
    ['breaker: { pause: 10ms }', `breaker.pause: expected a duration ${pauses} ${duration}; got "10ms"`],
  ]
  for (const [setting, fault] of refused) {
    const [found = '', ...more] = ruleFile(t, setting).faults()
    t.equal(found.replace(/^1:\d+ origins\[0\]\./, ''), fault)
    t.same(more, [])
  }
})

t.test('a rule is a mapping, in a list, in a mapping', async t => {
  t.same(new File(t, '').faults(), ['1:1 expected origins, a list of rules; got nothing'])
  t.same(new File(t, '- a').faults(), ['1:1 expected origins, a list of rules; got a list'])
  t.same(new File(t, 'origins: a').faults(), ['1:10 origins: expected a list; got a text'])
  t.same(new File(t, 'origins:\n- a\n- [b]').faults(), [
    '2:3 origins[0]: expected a rule, which has match and settings; got a text',
    '3:3 origins[1]: expected a rule, which has match and settings; got a list',
  ])
})

t.test('a rule must say which origins it is for', async t => {
  const expected =
    'expected scheme://host[:port] without a path, such as https://crm.example, https://*.crm.example or https://crm.example:*; or "*" for any origin'
  const wrong = ['rate: 1/s', 'match: https://crm.example/', 'match: [a]', 'match: { toString: a }']
  t.same(new File(t, `origins:${wrong.map(each => `\n- ${each}`).join('')}`).faults(), [
    `2:3 origins[0].match: ${expected}; got nothing`,
    `3:10 origins[1].match: ${expected}; got "https://crm.example/"`,
    `4:10 origins[2].match: ${expected}; got a list`,
    `5:10 origins[3].match: ${expected}; got a mapping`,
  ])
})

t.test('a rule that no origin comes to is a fault', async t => {
  const patterns = [
    'https://*.a.example',
    'https://x.A.example:443',
    'https://*.b.a.example',
    'https://a.example',
    "'*'",
    'http://c',
  ]
  const faults = new File(t, `origins:\n${patterns.map(each => `- match: ${each}\n`).join('')}`).faults()
  t.same(faults, [
    '3:3 origins[1]: never used: the first matching rule applies, and origins[0] matches all of "https://x.a.example"',
    '4:3 origins[2]: never used: the first matching rule applies, and origins[0] matches all of "https://*.b.a.example"',
    '7:3 origins[5]: never used: the first matching rule applies, and origins[4] matches all of "http://c"',
  ])
})

t.test('a deadline leaves the lease its margin, as the option must', async t => {
  const file = ruleFile(t, 'deadline: 28s')
  t.match(file.faults(), [
    /deadline: expected less than --lease 30s minus --lease-margin 2s, or another relay could .* running; got "28s"$/,
  ])
  t.same(file.faults('--lease', '30001ms'), [])
  t.match(file.faults('--lease', 'long'), [/^--lease \(flag\)/], 'no rule is held against what could not be read')
})

t.test('no origin has a higher cap than all have together', async t => {
  const file = ruleFile(t, 'concurrency: 257')
  t.match(file.faults(), [/concurrency: expected at most --concurrency 256, which all receivers share; got "257"$/])
  t.same(file.faults('--concurrency', '257'), [])
})

t.test('more than 10,000 rules are refused', async t => {
  const rules = Array.from({ length: 10_001 }, (_, i) => `- match: http://h${i}\n`)
  t.same(new File(t, `origins:\n${rules.join('')}`).faults(), [
    '2:1 origins: expected at most 10000 of them; got 10001',
  ])
})

t.test('faults of the file are named beside all others', async t => {
  t.match(ruleFile(t, 'rate: 5, deadline: 5').faults('--poll', '1'), [
    /^--poll/,
    /rate: expected/,
    /deadline: expected/,
  ])
})
