import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { look } from '../../src/outbox/look.ts'
import { type PullSpan, pull } from '../../src/outbox/pull.ts'
import { record } from '../../src/outbox/record.ts'
import { Stage } from '../fixtures/stage.ts'
import { attempt, claimNew, gone } from './attempts.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

/** Those of these urls whose callbacks are not claimed; looking at them, and pulling them, must say the same. */
async function held(urls: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const url of urls) ids.push(await stage.insert({ url }))
  const urlOf = new Map(ids.map((id, n) => [id, urls[n] ?? '']))
  const { spans: pulled } = await pull(stage.session, epoch, await spansOf(ids))
  const free = new Set(pulled.flatMap(({ rows }) => rows.map(({ id }) => id)))
  const standings = await look(stage.session, epoch, ids)
  const claimed = new Set((await claim(stage.session, epoch, ids)).map(({ id }) => id))
  for (const id of ids) {
    const standing = standings.find(each => each.id === id)
    if (standing?.isHeld === claimed.has(id) || free.has(id) !== claimed.has(id))
      throw new Error(`claim, look and pull differ about ${urlOf.get(id)}`)
  }
  const rest = ids.filter(id => !claimed.has(id))
  await stage.query(`update outbox.callback set status = 'cancelled' where id = any ($1)`, [rest])
  return rest.map(id => urlOf.get(id) ?? '').sort()
}

/** All that was never tried of the origins of these rows. */
async function spansOf(ids: readonly string[]): Promise<PullSpan[]> {
  const text = 'select distinct origin from outbox.callback where id = any ($1)'
  const origins = await stage.query<{ origin: string }>(text, [ids])
  const whole = {
    range: 'fresh',
    after: { dueUs: null, id: '0' },
    upTo: null,
    room: 1_000,
    urlHash: null,
    otherUrls: [],
  } as const
  return origins.map(({ origin }) => ({ origin, ...whole }))
}

const hold = (prefix: string, exact = false) =>
  stage.query('insert into outbox.hold (url_prefix, exact, reason) values ($1, $2, $3)', [prefix, exact, 'test'])

t.afterEach(() => stage.query('delete from outbox.hold'))

t.test('a hold ends at a boundary: it stops its URL, what goes on after it with / or ?, and nothing else', async t => {
  const cases: [prefix: string, stopped: string[], free: string[]][] = [
    [
      'https://crm.example/a',
      ['https://crm.example/a', 'https://crm.example/a/b', 'https://crm.example/a?b', 'https://crm.example/a?'],
      ['https://crm.example/ab', 'https://crm.example/', 'https://crm.example', 'https://crm.example/b/a'],
    ],
    ['https://crm.example/a/', ['https://crm.example/a/', 'https://crm.example/a/b'], ['https://crm.example/a']],
    [
      'https://crm.example',
      ['https://crm.example', 'https://crm.example/', 'https://crm.example?a', 'https://crm.example/a'],
      ['https://crm.example.org/', 'https://crm.example:8443/', 'http://crm.example/', 'https://a.crm.example/'],
    ],
    ['http://h:1809', ['http://h:1809/a'], ['http://h:18090/a', 'http://h/a']],
    ['https://crm.example/?a=1', ['https://crm.example?a=1'], ['https://crm.example/?a=12', 'https://crm.example/']],
    ['https://held_~.test/a', ['https://held_~.test/a'], ['https://heldxx.test/a']],
  ]
  for (const [prefix, stopped, free] of cases) {
    await hold(prefix)
    t.same(await held([...stopped, ...free]), stopped.sort(), prefix)
    await stage.query('delete from outbox.hold')
  }
})

t.test('a hold is not passed by another spelling', async t => {
  await hold('https://CRM.example.:443/a/')
  const spellings = [
    'https://crm.example/a/b',
    'HTTPS://CRM.EXAMPLE/a/b',
    'https://crm.example./a/b',
    'https://crm.example:443/a/b',
    'https://Crm.Example.:443/a/b',
  ]
  t.same(await held(spellings), spellings.sort())
})

t.test('http:// or https:// alone holds everything', async t => {
  const [plain, secure] = ['http://crm.example/', 'https://crm.example/a']
  await hold('http://')
  t.same(await held([plain, secure]), [plain])
  await hold('HTTPS://')
  t.same(await held([plain, secure]), [plain, secure])
  await t.rejects(hold('http://', true), { code: '23514', message: 'exact is true for http://' })
})

t.test('the hold that a 410 makes stops that URL alone', async t => {
  const url = 'http://h:1809/hook'
  const made = attempt(await claimNew(stage, epoch, { url }), gone, 'rejected')
  await record(stage.session, [made], { relay: 'relay-a', epoch }, 0)
  const same = [url, 'http://H.:1809/hook?']
  t.same(
    await held([...same, 'http://h:18090/hook', `${url}/a`, `${url}?a=1`, `${url}s`, 'http://h:1809/']),
    same.sort(),
  )
})

t.test('a hold with a url_prefix that no callback can have is refused, with its fault and what is meant', async t => {
  const refused: [prefix: string, message: RegExp][] = [
    ['', /^url_prefix is blank$/],
    ['crm.example', /^url_prefix is not absolute: crm\.example$/],
    ['https:', /^url_prefix names no host/],
    ['ftp://', /^url_prefix has the scheme ftp/],
    ['https://*.example', /^url_prefix has a host or port that cannot be read/],
    ['http://127.1/', /^url_prefix has the host 127\.1, write 127\.0\.0\.1: /],
    ['http://crm.example/a/../b', /^url_prefix has a dot segment/],
  ]
  for (const [prefix, message] of refused)
    await t.rejects(hold(prefix), { code: '23514', message, hint: /^url_prefix takes http:\/\/ or https:\/\// }, prefix)
})
