import t from 'tap'
import { noHolds, readHolds, readOrigins, sweepStart } from '../../src/outbox/sweep.ts'
import { sweptOrigins } from '../../src/policy/tuning.ts'
import { pagesRead } from '../fixtures/pages-read.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)

/** The steps of one sweep. */
async function sweep(limit = sweptOrigins, known: readonly string[] = []): Promise<string[][]> {
  const steps: string[][] = []
  for (let next: string | null = sweepStart; next !== null; ) {
    const found: Awaited<ReturnType<typeof readOrigins>> = await readOrigins(stage.session, next, limit, known)
    steps.push([...found.origins])
    next = found.next
  }
  return steps
}

t.test('a sweep finds every origin that has something unsettled, however it stands, and each once', async t => {
  t.same(await sweep(), [[]])
  const standing: Readonly<Record<string, string>> = {
    fresh: 'attempts = 0',
    later: `due_at = '2999-01-01'`,
    due: `due_at = '2020-01-01'`,
    held: 'attempts = 0',
    claimed: `status = 'claimed', attempts = 1, claimed_epoch = 1, claimed_at = now()`,
  }
  const expected = Object.keys(standing).map(name => `https://${name}.test`)
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test', '')`)
  for (const [name, change] of Object.entries(standing))
    for (let n = 0; n < 3; n += 1) await stage.force(await stage.insert({ url: `https://${name}.test/` }), change)
  const settled = await stage.insert({ url: 'https://settled.test/' })
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [settled])
  const [found = [], ...more] = await sweep()
  t.same([[...found].sort(), more], [expected.sort(), []])
  await stage.query('truncate outbox.callback')
  await stage.query('delete from outbox.hold')
})

t.test('of very many origins so many in a step', async t => {
  const count = 2 * sweptOrigins + 1
  const urls = Array.from({ length: count }, (_, n) => `https://origin-${n}.test`)
  await stage.query('insert into outbox.callback (url) select url from unnest($1::text[]) as u (url)', [urls])
  const steps = await sweep()
  t.same(
    steps.map(({ length }) => length),
    [sweptOrigins, sweptOrigins, 1],
  )
  t.same(steps.flat().sort(), urls.sort())
  await stage.query(`update outbox.callback set status = 'cancelled' where url = any ($1)`, [steps[2]])
  t.same(
    (await sweep()).map(({ length }) => length),
    [sweptOrigins, sweptOrigins, 0],
    'the last step may be empty',
  )
  t.ok((await readOrigins(stage.session, '9223372036854775807', 1)).workMs > 0, 'the server has worked all the same')
})

t.test('origins that are named as behind are skipped, whether they have rows or not, and no other is', async t => {
  const names = ['a', 'b', 'c', 'd', 'e'].map(name => `https://${name}.test`)
  await stage.query('truncate outbox.callback')
  await stage.query('insert into outbox.callback (url) select url from unnest($1::text[]) as u (url)', [names])
  for (const limit of [1, 2, 3, 100])
    for (const count of [0, 1, 2, 4, 5]) {
      const known = names.slice(0, count)
      const found = await sweep(limit, [...known, 'https://none.test'])
      t.same(found.flat().sort(), names.slice(count), `${limit} a step, ${count} known`)
    }
})

t.test('dead entries of an origin that is known are not read', async t => {
  await stage.query('truncate outbox.callback')
  const bound = (await stage.query<{ hash: string }>(`select hashtextextended('https://a.test', 0) - 1 as hash`))[0]
  await stage.query(`insert into outbox.callback (url) select 'https://a.test/' from generate_series(1, 2000)`)
  const pagesOf = (known: readonly string[]) =>
    pagesRead(stage, session => readOrigins(session, bound?.hash ?? '', 10, known))
  await pagesOf([])
  const holder = await stage.another()
  await holder.query({ text: 'begin isolation level repeatable read' })
  await holder.query({ text: 'select 1' })
  await stage.query(`update outbox.callback set status = 'cancelled'`)
  const [looked, skipped] = [await pagesOf([]), await pagesOf(['https://a.test'])]
  t.ok(looked > 40 && skipped < 20, `${looked} pages, and ${skipped}`)
  await holder.query({ text: 'rollback' })
})

t.test('holds are read again when they have changed: what origin has any, and whether all of it is held', async t => {
  t.equal(await readHolds(stage.session, noHolds.digest), null)
  const hold = (prefix: string, exact = false) =>
    stage.query('insert into outbox.hold (url_prefix, exact, reason) values ($1, $2, $3)', [prefix, exact, ''])
  let known = noHolds.digest
  /** Origins with their holds; those that are wholly held end with `/`. */
  const changed = async () => {
    const held = await readHolds(stage.session, known)
    if (!held) return null
    known = held.digest
    return [...held.origins].map(([origin, { isWhole }]) => origin + (isWhole ? '/' : '')).sort()
  }
  await hold('https://CRM.example/a')
  t.same(await changed(), ['https://crm.example'])
  t.equal(await changed(), null)
  await hold('https://crm.example:443', true)
  t.same(await changed(), ['https://crm.example'], 'one URL alone')
  await hold('https://crm.example.')
  t.same(await changed(), ['https://crm.example/'])
  await hold('http://')
  t.same(await changed(), ['http:/', 'https://crm.example/'])
  await stage.query(`update outbox.hold set url_prefix = 'https://crm.example/b' where rest = '/a'`)
  t.same(await changed(), ['http:/', 'https://crm.example/'], 'an amended one is another')
  await stage.query(`update outbox.hold set exact = true where rest = '/b'`)
  t.same(await changed(), ['http:/', 'https://crm.example/'], 'so is one that holds less')
  await stage.query(`delete from outbox.hold where origin like 'https:%'`)
  t.same(await changed(), ['http:/'])
  await stage.query('delete from outbox.hold')
  t.same(await changed(), [])
  t.equal(known, noHolds.digest)
})

t.test('which origin’s holds have changed is told by its digest', async t => {
  const hold = (prefix: string) => stage.query(`insert into outbox.hold (url_prefix, reason) values ($1, '')`, [prefix])
  const digests = async () => (await readHolds(stage.session, ''))?.origins ?? new Map()
  for (const host of ['a', 'b']) await hold(`https://${host}.test/x`)
  const before = await digests()
  await hold('https://a.test/y')
  const after = await digests()
  t.not(after.get('https://a.test')?.digest, before.get('https://a.test')?.digest)
  t.equal(after.get('https://b.test')?.digest, before.get('https://b.test')?.digest)
})
