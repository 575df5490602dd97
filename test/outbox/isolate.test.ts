import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import type { Claim } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import { isRefusalOfRows } from '../../src/outbox/database-errors.ts'
import { isolate } from '../../src/outbox/isolate.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

function refusalOf(code: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError(`refused: ${code}`, 1, 'error'), { code })
}

t.test('whichever items are refused, each of them is named once, and each other is done once', async t => {
  const items = fc.uniqueArray(fc.record({ name: fc.nat(), isOdd: fc.boolean() }), { selector: ({ name }) => name })
  const codes = fc.constantFrom('22P05', '22021', '23514', '54000', 'P0001', '42501', '0A000', '40P01', '57014')
  const property = fc.asyncProperty(items, codes, async (all, code) => {
    const done: unknown[] = []
    let statements = 0
    const refused = await isolate(all, async part => {
      statements += 1
      if (part.some(({ isOdd }) => isOdd)) throw refusalOf(code)
      done.push(...part)
    })
    const odd = all.filter(({ isOdd }) => isOdd)
    t.same(
      done,
      all.filter(({ isOdd }) => !isOdd),
    )
    t.same(
      refused.map(({ item }) => item),
      odd,
    )
    return statements <= 2 + odd.length * 2 * Math.ceil(Math.log2(all.length + 1))
  })
  await fc.assert(property)
})

t.test('a statement that is refused without any item too is thrown, and blames none', async t => {
  const parts: number[] = []
  const run = async (part: readonly number[]) => {
    parts.push(part.length)
    throw refusalOf('42501')
  }
  await t.rejects(isolate([1, 2, 3], run), { code: '42501' })
  t.same(parts, [3, 0], 'it is not halved either')
})

t.test('where a cancel is no refusal, a cancelled statement is thrown, and not halved', async t => {
  let statements = 0
  const run = async (part: readonly number[]) => {
    statements += 1
    if (part.length > 0) throw refusalOf(part.length > 2 ? '23514' : '57014')
  }
  await t.rejects(isolate([1, 2, 3, 4], run, isRefusalOfRows), { code: '57014' })
  t.equal(statements, 3)
})

t.test('what ends the session, or is the server’s trouble, is thrown at once', async t => {
  for (const code of ['57P01', '25006', '08006', '53100', '53200', '58030', undefined]) {
    let statements = 0
    const run = async () => {
      statements += 1
      throw code === undefined ? new Error('the connection ended') : refusalOf(code)
    }
    await t.rejects(isolate([1, 2], run))
    t.equal(statements, 1, String(code))
  }
})

t.test('a trigger that raises at the commit is isolated as well', async t => {
  await stage.query(
    `create function refuse_late() returns trigger language plpgsql as $$ begin raise exception 'too late'; end $$`,
  )
  await stage.query(`
    create constraint trigger refuse_late after update on outbox.callback deferrable initially deferred
      for each row when (new.form::text ~ 'odd' and new.status = 'claimed') execute function refuse_late()`)
  const ids: string[] = []
  for (let n = 0; n < 40; n += 1) ids.push(await stage.insert({ form: n % 13 === 7 ? '{"odd":1}' : '{}' }))
  const claims: Claim[] = []
  const refused = await isolate(ids, async part => void claims.push(...(await claim(stage.session, epoch, part))))
  t.same(
    refused.map(({ item, error }) => [item, error.message]),
    [7, 20, 33].map(n => [ids[n], 'too late']),
  )
  t.equal(claims.length, 37)
  for (const { item } of refused) t.match(await stage.row(item), { status: 'pending', attempts: 0 })
})
