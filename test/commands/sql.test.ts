import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { ringback } from '../fixtures/ringback.ts'

const folder = new URL('../../sql/', import.meta.url)

t.test('every file of the cookbook is listed with a sentence, and printed, without a database', async t => {
  const { code, out, err } = await ringback(['sql'])
  t.same([code, err], [0, ''])
  const names = readdirSync(new URL('cookbook/', folder)).map(file => file.replace('.sql', ''))
  for (const name of [...names, 'thain', 'inbox']) t.match(out, new RegExp(`^${name} +\\S.{10,}$`, 'm'))
  const text = readFileSync(new URL('cookbook/hold.sql', folder), 'utf8')
  t.same(await ringback(['sql', 'hold']), { code: 0, out: text, err: '' })
  t.same(await ringback(['sql', 'hold.sql']), { code: 0, out: text, err: '' })
  t.match((await ringback(['sql', 'hold', '--schema', 'mine'])).out, /insert into mine\.hold/)
})

t.test('an unknown name gets a suggestion', async t => {
  t.match(await ringback(['sql', 'relase']), { code: 2, out: '', err: /did you mean release\?/ })
})
