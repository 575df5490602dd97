import fc from 'fast-check'
import t from 'tap'
import { type DestinationRule, type DestinationSettings, Destinations } from '../../src/policy/destinations.ts'
import { canonicalPattern } from '../../src/policy/pattern.ts'

const defaults: DestinationSettings = Object.freeze({
  concurrency: 16,
  growsTo: 16,
  ratePerSecond: null,
  deadlineMs: 15_000,
  maxAttempts: 12,
  breaker: Object.freeze({ failures: 10, pauseMs: 30_000 }),
  body: 'form',
  headers: [],
  retry: [],
  success: null,
  unknown: 'resend',
  signingKeys: [],
  tls: null,
  proxy: null,
})

/** A rule that is told from others by its concurrency. */
function rule(match: string, concurrency: number): DestinationRule {
  return { match: canonicalPattern(match) ?? '', settings: { ...defaults, concurrency, growsTo: concurrency } }
}

t.test('without rules every origin has the defaults themselves', async t => {
  t.equal(new Destinations([], defaults).of('https://crm.example'), defaults)
})

t.test('with rules an origin has the settings of its own, or else the defaults themselves', async t => {
  const settings = { ...defaults, headers: ['x-tenant', 'scheduler'] }
  const destinations = new Destinations([{ match: 'https://a.example', settings }], defaults)
  t.equal(destinations.of('https://a.example'), settings)
  t.equal(destinations.of('https://b.example'), defaults)
})

t.test('the first rule that matches wins, be it the closest or not', async t => {
  const destinations = new Destinations(
    [rule('https://*.a.example', 1), rule('https://x.a.example', 2), rule('*', 3), rule('http://b.example', 4)],
    defaults,
  )
  t.equal(destinations.of('https://x.a.example').concurrency, 1)
  t.equal(destinations.of('https://a.example').concurrency, 3)
  t.equal(destinations.of('http://b.example').concurrency, 3)
})

t.test('a rule holds for its origin however the host is written in the rule', async t => {
  const same: [origin: string, matches: string[]][] = [
    ['https://[2001:db8::1]', ['https://[2001:db8::1]', 'https://[2001:db8:0:0::1]', 'https://[2001:0DB8::0001]:443']],
    [
      'http://127.0.0.1',
      ['http://127.0.0.1', 'http://127.1', 'http://0x7f.1', 'http://2130706433', 'http://127.0.0.1.'],
    ],
    ['https://crm.example', ['https://crm.example', 'https://CRM.example.:443', 'https://%63rm.example']],
    ['https://xn--bcher-kva.example', ['https://BÜCHER.example', 'https://b%C3%BCcher.example']],
  ]
  for (const [origin, matches] of same)
    for (const match of matches)
      t.equal(new Destinations([rule(match, 1)], defaults).of(origin).concurrency, 1, `${match} ${origin}`)
})

t.test('an origin that is no URL, as a host beyond IPv4 is, has the settings of any', async t => {
  const destinations = new Destinations([rule('https://a.example', 1), rule('*', 2)], defaults)
  t.equal(destinations.of('http://1.2.3.999').concurrency, 2)
  t.equal(destinations.of('').concurrency, 2)
})

t.test('more origins than are remembered have their settings all the same', async t => {
  const destinations = new Destinations([rule('https://*.even.example', 2), rule('https://*', 1)], defaults)
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 25_000; n++) {
      const expected = n % 2 === 0 ? 2 : 1
      const { concurrency } = destinations.of(`https://n${n}.${expected === 2 ? 'even' : 'odd'}.example`)
      if (concurrency !== expected) t.fail(`n${n}`)
    }
  }
})

const label = fc.constantFrom('a', 'b', 'example')
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map(labels => labels.join('.'))
const scheme = fc.constantFrom('http', 'https')
const port = fc.constantFrom('', ':80', ':443', ':8080')
const star = fc.constantFrom('', '*.')
const pattern = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(scheme, star, host, fc.oneof(port, fc.constant(':*'))) },
  { weight: 1, arbitrary: fc.tuple(scheme, fc.constant('*'), fc.constant(''), fc.constantFrom('', ':8080', ':*')) },
)

/** The words of the documentation, one by one. */
function matches([scheme, star, host, port]: readonly string[], origin: readonly string[]): boolean {
  const own = { http: ':80', https: ':443' }[scheme as 'http' | 'https']
  const name = origin[1]!
  const hostMatches = star === '' ? name === host : host === '' || name.endsWith(`.${host}`)
  return scheme === origin[0] && hostMatches && (port === ':*' || (port || own) === (origin[2] || own))
}

t.test('whatever the rules, the settings are those of the first that matches', async () => {
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 12 }), fc.tuple(scheme, host, port), (patterns, origin) => {
      const rules = patterns.map(([scheme, star, host, port], i) => rule(`${scheme}://${star}${host}${port}`, i + 100))
      const settings = new Destinations(rules, defaults).of(
        canonicalPattern(`${origin[0]}://${origin[1]}${origin[2]}`) ?? '',
      )
      const first = patterns.findIndex(each => matches(each, origin))
      return settings.concurrency === (first < 0 ? 16 : first + 100)
    }),
    { numRuns: 2_000 },
  )
})
