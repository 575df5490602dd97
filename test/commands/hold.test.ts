import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const run = (...argv: string[]) => ringback(argv, env)
const holds = async () => (await client.query('select url_prefix, exact, reason from outbox.hold order by id')).rows

t.test('hold and release: what they say is what the table has', async t => {
  t.match(await run('hold', 'https://crm.example/', '--reason', 'incident', '--dry-run'), {
    code: 0,
    out: '1 hold: callbacks to https://crm.example/ would wait\n',
  })
  t.same(await holds(), [])
  t.same(await run('hold', 'https://crm.example/', '--reason', 'incident'), {
    code: 0,
    out: '1 hold: callbacks to https://crm.example/ wait from now on\n',
    err: '',
  })
  t.match(await run('hold', 'https://crm.example/a', '--reason', 'gone', '--exact'), { code: 0 })
  t.same(await holds(), [
    { url_prefix: 'https://crm.example/', exact: false, reason: 'incident' },
    { url_prefix: 'https://crm.example/a', exact: true, reason: 'gone' },
  ])
  t.match(await run('release', 'https://CRM.example:443/', '--dry-run'), { code: 0, out: /^would lift 1 hold\n/ })
  t.match(await run('release', 'https://CRM.example:443/'), {
    code: 0,
    out: /^1 hold lifted\nhttps:\/\/crm\.example\/, since \S+Z by \w+: incident\n$/,
  })
  t.match(await run('release', 'https://crm.example/'), {
    code: 1,
    out: '0 holds lifted\n',
    err: /there is no hold of/,
  })
  t.equal((await holds()).length, 1)
  await client.query('delete from outbox.hold')
})

t.test('the same hold is not added twice; one for another reason is, and what was there is named', async t => {
  const again = (...argv: string[]) => run('hold', 'https://CRM.example:443', '--reason', ...argv)
  await run('hold', 'https://crm.example/', '--reason', 'incident')
  const there = /\nthere is already https:\/\/crm\.example\/, since \S+Z by \w+: incident\n$/
  for (const argv of [['incident'], ['incident', '--dry-run']]) {
    const { code, out } = await again(...argv)
    t.equal(code, 0)
    t.match(out, /^0 holds: callbacks to https:\/\/CRM\.example:443 wait already\n/)
    t.match(out, there)
  }
  t.equal((await holds()).length, 1)
  const { out } = await again('upgrade')
  t.match(out, /^1 hold: callbacks to \S+ wait from now on\n/)
  t.match(out, there)
  t.match(await again('incident', '--exact'), { out: /^1 hold: / })
  t.same(
    (await holds()).map(({ reason, exact }) => [reason, exact]),
    [
      ['incident', false],
      ['upgrade', false],
      ['incident', true],
    ],
  )
  await client.query('delete from outbox.hold')
})

t.test('a star is refused where it looks like a wildcard, unless the URL is exact', async t => {
  for (const url of ['http://127.0.0.1:8091/*', 'https://*.crm.example/'])
    t.match(await run('hold', url, '--reason', 'x'), { code: 2, out: '', err: /has no wildcards: without the \*/ })
  t.match(await run('hold', 'https://crm.example/*', '--reason', 'x', '--exact'), { code: 0 })
  t.match(await run('release', 'https://crm.example/*'), { code: 0 })
})

t.test('stop everything: one line each for http and https', async t => {
  for (const scheme of ['http://', 'https://']) {
    t.match(await run('hold', scheme, '--reason', 'incident'), { code: 0 })
    t.equal((await holds())[0]?.url_prefix, scheme)
    t.match(await run('release', scheme), { code: 0, out: /^1 hold lifted/ })
  }
})

t.test('a hold needs a reason, and a URL; one that the table refuses is named by the table', async t => {
  t.match(await run('hold', 'https://crm.example/'), { code: 2, out: '', err: /--reason must be given/ })
  t.match(await run('hold', 'crm.example', '--reason', 'x'), { code: 2, out: '', err: /<url> .*expected a URL/ })
  t.match(await run('hold', 'https://crm.example/#x', '--reason', 'x'), { code: 1, out: '', err: /has a fragment/ })
  const reader = { ...env, PGOPTIONS: '-c role=outbox_reader' }
  t.match(await ringback(['hold', 'http://', '--reason', 'x'], reader), {
    code: 1,
    err: /it needs the role outbox_operator/,
  })
})
