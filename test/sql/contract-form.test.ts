import fc from 'fast-check'
import t from 'tap'
import { encodeForm } from '../../src/delivery/form.ts'
import { testDatabase } from '../fixtures/database.ts'
import { read, write } from './rows.ts'

const { client } = await testDatabase(t)

const hint = /^form takes a flat JSON object of at most 100 fields and 64 KiB/
const fieldsOf = (count: number) => `{${Array.from({ length: count }, (_, i) => `"f${i}":${i}`)}}`
const shortFieldsOf = (count: number) => `{${Array(count).fill('"":1')}}`
const arrayOf = (count: number) => `{"f":[${Array.from({ length: count }, (_, i) => i)}]}`
const bytesOf = (count: number) => `{"f":"${'x'.repeat(count - '{"f":""}'.length)}"}`

t.test('a flat form is kept to the character, whatever a number or a field name looks like', async t => {
  const forms = [
    '{}',
    ' { "flowId" : 9007199254740993 , "status":1 }',
    '{"id":9223372036854775807,"big":123456789012345678901234567890,"x":1.50,"y":1e400,"z":-0}',
    '{"2":"b","1":"a","10":"c"}',
    '{"a":1,"a":2,"a":null}',
    '{"a":[1,"x",true,false],"b":[],"c":null,"d":true}',
    '{"":"","a b&=":"c d&=+%"}',
    '{"message":"内存不足 😀 \\ud83d\\ude00 \\n \\\\u0000 \\\\ud83d"}',
    '{"__proto__":1,"constructor":2}',
  ]
  for (const form of forms) t.equal((await read(client, await write(client, { form }))).form, form, form)
})

t.test('a callback without a form has no fields', async t => {
  t.equal((await read(client, await write(client))).form, '{}')
})

t.test('100 fields and 64 KiB are accepted', async t => {
  for (const form of [fieldsOf(100), shortFieldsOf(100), arrayOf(100), bytesOf(65_536)]) {
    t.equal((await read(client, await write(client, { form }))).form, form, form.slice(0, 40))
  }
})

t.test('any other form is refused with its fault and what is accepted', async t => {
  const refused: [form: string, message: RegExp][] = [
    ['[]', /^form is of type array, not an object$/],
    ['[{"a":1}]', /^form is of type array, not an object$/],
    ['"a=1"', /^form is of type string, not an object$/],
    ['1', /^form is of type number, not an object$/],
    ['true', /^form is of type boolean, not an object$/],
    ['null', /^form is of type null, not an object$/],
    ['{"a":1,"user":{"b":2}}', /^form field "user" is nested or has a null in its array: \{"b":2\}$/],
    ['{"a":{}}', /^form field "a" is nested/],
    [' {"a":{}}', /^form field "a" is nested/],
    ['{"a":[1,[2]]}', /^form field "a" is nested/],
    ['{"a":[{"b":1}]}', /^form field "a" is nested/],
    ['{"a":[1,null]}', /^form field "a" is nested or has a null in its array/],
    ['{"a":1,"a":[null]}', /^form field "a" is nested or has a null in its array/],
    [fieldsOf(101), /^form has 101 fields$/],
    [shortFieldsOf(101), /^form has 101 fields$/],
    [arrayOf(101), /^form has 101 fields$/],
    [bytesOf(65_537), /^form has 65537 bytes$/],
    ['{"a":"\\u0000"}', /^form has an escape that is no character/],
    ['{"\\u0000":1}', /^form has an escape that is no character/],
    ['{"a":["x","\\u0000"]}', /^form has an escape that is no character/],
    ['{"a":"\\ud83d"}', /^form has an escape that is no character/],
    ['{"a":"\\ud83d x"}', /^form has an escape that is no character/],
    ['{"a":"\\ude00"}', /^form has an escape that is no character/],
    ['{"\\uDE00":1}', /^form has an escape that is no character/],
  ]
  for (const [form, message] of refused) {
    await t.rejects(write(client, { form }), { code: '23514', message, hint }, form.slice(0, 80))
  }
})

t.test('what is not JSON, and null, are refused', async t => {
  for (const form of ['', '{', '{"a":01}', "{'a':1}", 'a=1']) {
    await t.rejects(write(client, { form }), { code: '22P02', message: /json/ }, form)
  }
  await t.rejects(write(client, { form: null }), { code: '23502', column: 'form' })
})

t.test('an amended form is held to the same rules', async t => {
  const id = await write(client)
  const amended = client.query(`update outbox.callback set form = '{"a":{}}' where id = $1`, [id])
  await t.rejects(amended, { code: '23514', message: /^form field "a" is nested/, hint })
})

const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.integer(), fc.boolean())
const value = fc.oneof(scalar, fc.constant(null), fc.array(fc.oneof(scalar, fc.constant(null))), fc.object())
const escaped = (text: string) => text.replace(/[^ -~]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
const form = fc
  .tuple(fc.dictionary(fc.string({ unit: 'binary' }), value), fc.boolean())
  .map(([fields, isEscaped]) => (isEscaped ? escaped(JSON.stringify(fields)) : JSON.stringify(fields)))

t.test('a form that the short check takes has no fault for the long one', async t => {
  let short = 0
  const property = fc.asyncProperty(form, async text => {
    const [asked] = await Promise.allSettled([client.query('select outbox.is_short_and_flat($1::json) as it', [text])])
    if (asked.status === 'rejected' || !asked.value.rows[0].it) return
    await client.query('select outbox.check_form($1::json)', [text])
    short++
  })
  await fc.assert(property, { numRuns: 300 })
  t.ok(short > 20, `${short} of 300 were short and flat`)
})

t.test('every form that the table takes can be sent', async t => {
  let sent = 0
  const property = fc.asyncProperty(form, async text => {
    const [stored] = await Promise.allSettled([write(client, { form: text })])
    if (stored.status === 'fulfilled') {
      encodeForm((await read(client, stored.value)).form)
      sent++
    } else if (!/^(form|unsupported Unicode|invalid byte)/.test(stored.reason.message)) throw stored.reason
  })
  await fc.assert(property, { numRuns: 200 })
  t.ok(sent > 20, `${sent} of 200 were taken`)
})
