import t from 'tap'
import { printable, printableJson, printableLines, printableLogLine } from '../src/printable.ts'

const nasty = 'a\u001b[2J\u0085b\u009b31m\u2028c\u202ed\u2066e\u061cf\ng'

t.test('what others have written stays on its line and steers no terminal', async t => {
  t.equal(printable(nasty), 'a\\u001b[2J\\u0085b\\u009b31m\\u2028c\\u202ed\\u2066e\\u061cf\\u000ag')
  t.equal(printable('失败 💥 é'), '失败 💥 é', 'letters of any language stay as they are')
  t.equal(printableLines('two\nlines\u202e'), 'two\nlines\\u202e')
})

t.test('JSON with such characters escaped is the same JSON', async t => {
  t.notMatch(printableJson(nasty), /[\p{Cc}\u2028\u202e]/u)
  t.equal(JSON.parse(printableJson(nasty)), nasty)
  t.equal(JSON.parse(printableLogLine(`${JSON.stringify({ error: nasty })}\n`)).error, nasty)
})
