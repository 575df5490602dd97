import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { parkedStart, readParked } from '../../src/outbox/fetch.ts'
import { look } from '../../src/outbox/look.ts'
import { record } from '../../src/outbox/record.ts'
import { park } from '../../src/outbox/settle.ts'
import { Stage, waiting } from '../fixtures/stage.ts'
import { attempt, claimNew, gone } from './attempts.ts'

const stage = await Stage.withSession(t)
const lanes = await stage.takeAll()

/** Those of these urls whose callbacks are not claimed; looking at them, and reading them back, must say the same. */
async function held(urls: readonly string[]): Promise<string[]> {
  const ids: string[] = []
  for (const url of urls) ids.push(await stage.insert({ url }))
  const urlOf = new Map(ids.map((id, n) => [id, urls[n] ?? '']))
  await park(stage.session, ids, lanes)
  const numbers = lanes.map(({ lane }) => lane)
  const { rows } = await readParked(stage.session, numbers, parkedStart, 1_000)
  const free = new Set(rows.map(({ id }) => id))
  const standings = await look(stage.session, ids)
  const claimed = new Set((await claim(stage.session, ids.map(waiting), lanes)).map(({ id }) => id))
  for (const id of ids) {
    const standing = standings.find(each => each.id === id)
    if (standing?.held === claimed.has(id) || free.has(id) !== claimed.has(id))
      throw new Error(`claim, look and reading back differ about ${urlOf.get(id)}`)
  }
  const rest = ids.filter(id => !claimed.has(id))
  await stage.query(`update outbox.callback set status = 'cancelled' where id = any ($1)`, [rest])
  return rest.map(id => urlOf.get(id) ?? '').sort()
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
  await record(stage.session, [attempt(await claimNew(stage, lanes, { url }), gone, 'rejected')], 'relay-a', 0)
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
