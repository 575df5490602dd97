import fc from 'fast-check'
import t from 'tap'
import { type DestinationSettings, Destinations } from '../../src/policy/destinations.ts'
import { canonicalPattern } from '../../src/policy/pattern.ts'
import { testDatabase } from '../fixtures/database.ts'

const { client } = await testDatabase(t)
await client.query(`
  create function pg_temp.accepts(url text) returns boolean language plpgsql as
  $$ begin perform url::outbox.url; return true; exception when check_violation then return false; end $$`)

interface Judged {
  readonly url: string
  readonly accepted: boolean
  readonly origin: string | null
  readonly rest: string | null
}

/** What the domain makes of these urls, and the functions behind the columns `origin` and `rest`. */
async function judge(urls: readonly string[]): Promise<Judged[]> {
  const { rows } = await client.query<Judged>(
    `select url, pg_temp.accepts(url) as accepted, outbox.origin_of(url) as origin, outbox.rest_of(url) as rest
       from unnest($1::text[]) with ordinality as u (url, n) order by n`,
    [urls],
  )
  return rows
}

const undotted = (text: string) => text.replace(/\.(?=:\d+$|$)/, '')

/** How `new URL()` spells a url that it takes as it is, but for its case, its trailing dot and its scheme's own port. */
function spelt(url: string): { origin: string; rest: string } | null {
  if (!URL.canParse(url)) return null
  const { origin, hostname, port, protocol, pathname, search } = new URL(url)
  const written = /^[a-z]+:\/\/(\[[^\]]*\]|[^:/?]*)(:\d+)?/i.exec(url)
  const host = undotted(written?.[1]?.toLowerCase() ?? '')
  const ports = port === '' ? ['', protocol === 'https:' ? ':443' : ':80'] : [`:${port}`]
  const isAsWritten = host === undotted(hostname) && ports.includes(written?.[2] ?? '')
  return isAsWritten ? { origin: undotted(origin), rest: pathname + search } : null
}

const label = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_~-]{1,5}$/),
  fc.stringMatching(/^0?[xX]?[0-9A-Fa-f]{0,4}$/),
  fc.nat(300).map(String),
  fc.constantFrom('example', 'crm', '%61', '%2e', 'xn--bcher-kva', 'xn--a', '0x', '08', '0'),
)
const group = fc.oneof(
  fc.constantFrom('0', '', '1', 'ffff', 'FFFF', '0db8', '10.0.0.1'),
  fc.stringMatching(/^[0-9a-fA-F]{1,4}$/),
)
const host = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.array(label, { maxLength: 4 }), fc.constantFrom('', '', '.', '..'))
      .map(([all, dot]) => all.join('.') + dot),
  },
  fc.array(fc.nat(300), { minLength: 4, maxLength: 4 }).map(all => all.join('.')),
  fc.array(group, { maxLength: 9 }).map(all => `[${all.join(':')}]`),
  fc
    .tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 4 }))
    .map(([a, b]) => `[${a.join(':')}::${b.join(':')}]`),
)
const port = fc.constantFrom('', '', ':80', ':443', ':8080', ':65535', ':65536', ':0', ':080', ':')
const segment = fc.constantFrom(
  '',
  'a',
  '.',
  '..',
  '%2e',
  '.%2E',
  '%2e%2e',
  '...',
  '.a',
  '%2ea',
  'A:80',
  '[b]',
  '@',
  '\\',
  '{',
  '"',
)
const path = fc.array(segment, { maxLength: 4 }).map(all => all.map(each => `/${each}`).join(''))
const query = fc.constantFrom('', '', '?', '??', '?a=1', '?../..', '?/../b', '?//c:443')
const anyUrl = fc
  .tuple(fc.constantFrom('http', 'HTTPS', 'https', 'hTTp'), host, port, path, query)
  .map(([scheme, ...rest]) => `${scheme}://${rest.join('')}`)

/** A property over many at once: one by one each would be a round trip. */
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const judged = await judge(fc.sample(anyUrl, { numRuns: 10_000, seed }))

t.test('what the domain accepts, URL takes as it is spelt, and writes the origin that the column has', async t => {
  t.comment(`seed ${seed}`)
  // Only a punycode decoder can tell a wrong label: such a row is dead at once.
  const accepted = judged.filter(({ url, accepted }) => accepted && (!/xn--/i.test(url) || URL.canParse(url)))
  // What URL escapes in a path is written as it was given.
  const decoded = (rest: string) => rest.replaceAll('%22', '"').replaceAll('%7B', '{')
  const wrong = accepted.filter(({ url, origin, rest }) => {
    const expected = spelt(url)
    return expected?.origin !== origin || decoded(expected.rest) !== rest
  })
  t.same(wrong, [])
  t.ok(accepted.length > 200, `${accepted.length} accepted`)
})

t.test('what URL takes as it is spelt, the domain accepts, but for the few that it says it does not', async t => {
  t.comment(`seed ${seed}`)
  const isRefused = (url: string) =>
    url.includes('\\') ||
    /^[^?]*\/(\.|%2e){1,2}([/?]|$)/i.test(url) ||
    // An empty label; port 0, or none after a colon; an IPv4 address within an IPv6 address.
    /^[a-z]+:\/\/(\.|[^/?]*\.\.)/i.test(url) ||
    /^[a-z]+:\/\/(\[[^\]]*\]|[^/?:[]*):(0|[/?]|$)/i.test(url) ||
    /^[a-z]+:\/\/\[::(ffff:)?[0-9a-f]+(:[0-9a-f]+)?\]/i.test(url)
  const taken = judged.filter(({ url }) => spelt(url) !== null && !isRefused(url))
  t.same(
    taken.filter(({ accepted }) => !accepted),
    [],
  )
  t.ok(taken.length > 200, `${taken.length} taken`)
})

t.test('a rule for an origin holds for every spelling of it', async t => {
  const [own, other] = [{}, {}] as DestinationSettings[]
  for (const match of ['https://crm.example', 'https://CRM.example.', 'https://crm.example.:443']) {
    const destinations = new Destinations([{ match: canonicalPattern(match) ?? '', settings: own! }], other!)
    for (const { origin } of await judge([
      'https://crm.example',
      'https://CRM.example.:443/x',
      'HTTPS://crm.EXAMPLE.?a',
    ]))
      t.equal(destinations.of(origin ?? ''), own)
    for (const { origin } of await judge(['http://crm.example/', 'https://crm.example:80/']))
      t.equal(destinations.of(origin ?? ''), other)
  }
})
