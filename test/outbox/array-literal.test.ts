import fc from 'fast-check'
import t from 'tap'
import { arrayLiteral } from '../../src/outbox/array-literal.ts'
import { testDatabase } from '../fixtures/database.ts'

t.test('PostgreSQL reads back what was written', async t => {
  const { client } = await testDatabase(t, { migrate: false })
  const text = fc.oneof(
    fc.string({ unit: 'binary' }).map(each => each.replaceAll('\0', '')),
    fc.constantFrom('', 'NULL', 'null', '"', '\\', '{}', ',', ' a ', '9007199254740993', '00', '٣', "'", '\n'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async texts => {
      const { rows } = await client.query('select $1::text[] as read', [arrayLiteral(texts)])
      t.same(rows[0].read, texts)
    }),
    { numRuns: 200 },
  )
  const numbers = [0, -1, 1.5, 1e21, -1.25e-7, null, Number.MAX_SAFE_INTEGER]
  const { rows } = await client.query('select $1::float8[] as read', [arrayLiteral(numbers)])
  t.same(rows[0].read, numbers)
  const facts = [true, false, null]
  const { rows: read } = await client.query('select $1::boolean[] as read', [arrayLiteral(facts)])
  t.same(read[0].read, facts)
})

t.test('what it cannot write is refused', async t => {
  t.throws(() => arrayLiteral([undefined]), /holds a undefined/)
  t.throws(() => arrayLiteral([{}]), /holds a object/)
})
