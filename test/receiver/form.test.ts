import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeForm } from '../../src/delivery/form.ts'
import { parse } from '../../src/receiver/receiver.ts'

t.test('what a producer writes is what a receiver reads', async t => {
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '?', '+', '%', '&=', '失败'))
  const forms = fc.dictionary(
    fc.oneof(value, fc.constantFrom('?a', '1', '__proto__')),
    fc.oneof(value, fc.array(value)),
  )
  fc.assert(
    fc.property(forms, form => {
      const wanted = Object.entries(form).flatMap(([name, value]) => [value].flat().map(each => [name, each]))
      assert.deepEqual([...parse(encodeForm(JSON.stringify(form)))], wanted)
    }),
  )
  t.pass()
})

t.test('order, repetition and digits are kept', async t => {
  const fields = parse(Buffer.from('b=1.50&a=x+y&b=%E5%A4%B1&2=9007199254740993&1='))
  t.same(
    [...fields],
    [
      ['b', '1.50'],
      ['a', 'x y'],
      ['b', '失'],
      ['2', '9007199254740993'],
      ['1', ''],
    ],
  )
  t.same(fields.getAll('b'), ['1.50', '失'])
  t.equal(fields.get('none'), null)
  t.same([...parse('')], [])
  t.same([...parse('?a=1')], [['?a', '1']], 'a question mark is a character like others')
})

t.test('what URLSearchParams would repair is refused', async t => {
  for (const body of [
    'a=%',
    'a=%4',
    'a=%zz',
    'a=%FF',
    'a=%E5%A4',
    'a=b c',
    'a=b\n',
    'a=é',
    Buffer.from('a=é'),
    Buffer.from([0]),
  ]) {
    t.throws(() => parse(body), { name: 'FormError', code: 'malformed', message: /^body: / }, String(body))
  }
})

t.test('a body above 1 MiB is refused unread', async t => {
  t.equal(parse(`a=${'b'.repeat(1_048_574)}`).get('a')?.length, 1_048_574)
  t.throws(() => parse(`a=${'b'.repeat(1_048_575)}`), { code: 'too_large' })
})
