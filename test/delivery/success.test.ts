import t, { type Test } from 'tap'
import type { Outcome } from '../../src/model.ts'
import { ruleFile } from '../config/file.ts'
import { rows, rules } from './answered.ts'
import { rawServer, type StageOptions, stage } from './stage.ts'

function successOf(t: Test, rule: string | null, mismatch = 'failed') {
  const file = rule === null ? ruleFile(t, '') : ruleFile(t, `success: { ${rule}, mismatch: ${mismatch} }`)
  return file.destinations().of('http://any.example').success
}

/** What becomes of a POST that is answered so, byte for byte, before the connection is closed. */
async function answered(t: Test, wire: string, options: StageOptions): Promise<Outcome> {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.end(wire, 'latin1')
  })
  return stage(t, options).post(server.url)
}

for (const mismatch of ['failed', 'rejected'] as const) {
  t.test(`the table of the docs says what each answer becomes where a mismatch is ${mismatch}`, async t => {
    for (const [at, rule] of rules.entries()) {
      const success = successOf(t, rule, mismatch)
      for (const { answer, wire, expected } of rows) {
        const { kind, error } = await answered(t, wire, { success })
        const name = `${answer} by ${rule ?? 'no rule'}`
        t.equal(kind, expected[at] === 'mismatch' ? mismatch : expected[at], name)
        t.equal(error === null, kind === 'delivered', name)
      }
    }
  })
}

/** @param body of a 200, in latin1. */
async function reasonOf(t: Test, rule: string, body: string, options: StageOptions = {}): Promise<string | null> {
  const wire = `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  return (await answered(t, wire, { success: successOf(t, rule), ...options })).error
}

t.test('the reason says what was expected and what came', async t => {
  const code = 'body: { json: /code, equals: [0, 200] }'
  const long = 'x'.repeat(100)
  const cases: readonly (readonly [rule: string, body: string, reason: string | null])[] = [
    [code, '{"code": 500}', 'answered 200, but /code is 500, not 0 or 200'],
    [code, '{"code": 9007199254740993}', 'answered 200, but /code is 9007199254740993, not 0 or 200'],
    [code, '{"code": null}', 'answered 200, but /code is null, not 0 or 200'],
    [code, '{"code": "a\\u0000\\"\\u202eb"}', 'answered 200, but /code is "a\\u0000\\"\\u202eb", not 0 or 200'],
    [code, `{"code": "${long}"}`, `answered 200, but /code is "${long.slice(0, 60)}…", not 0 or 200`],
    [code, '{"code": {"a": 0}}', 'answered 200, but /code is an object, not 0 or 200'],
    [code, '{"code": [0]}', 'answered 200, but /code is an array, not 0 or 200'],
    [code, '{"cod": 0}', 'answered 200, but the body has no /code'],
    [code, '[0]', 'answered 200, but the body has no /code'],
    [code, 'null', 'answered 200, but the body has no /code'],
    [code, '{"code": 00}', 'answered 200, but the body is not JSON'],
    [code, '', 'answered 200, but the body is empty'],
    ['body: { contains: done }', 'fail', 'answered 200, but the body lacks "done"'],
    ['body: { not-contains: fail }', 'a fail', 'answered 200, but the body contains "fail"'],
    ['status: [202]', '', 'answered 200, not 202'],
    ["body: { json: '', equals: [ok] }", '"no"', 'answered 200, but the body is "no", not "ok"'],
    ["body: { json: '', equals: [ok] }", '"ok"', null],
    ['body: { json: /a~1b/~0/1, equals: [yes] }', '{"a/b": {"~": ["no", "yes"]}}', null],
    ['body: { json: /a/01, equals: [yes] }', '{"a": ["no", "yes"]}', 'answered 200, but the body has no /a/01'],
    ['body: { json: /__proto__, equals: [yes] }', '{}', 'answered 200, but the body has no /__proto__'],
    ['body: { json: /length, equals: [1] }', '[1]', 'answered 200, but the body has no /length'],
    ['body: { json: /error, equals: [null] }', '{"error": null}', null],
    ['body: { json: /text, equals: [成功] }', '{"text": "\\u6210\\u529f"}', null],
    ['body: { json: /n, equals: [1.50e1] }', '{"n": 1.50e1}', null],
    ['body: { json: /n, equals: [1.50e1] }', '{"n": 15}', 'answered 200, but /n is 15, not 1.50e1'],
    ['body: { contains: ok }', '\u00ef\u00bb\u00bfok', null],
    ['body: { json: /code, equals: [0] }', '\u00ef\u00bb\u00bf{"code": 0}', null],
  ]
  for (const [rule, body, reason] of cases) t.equal(await reasonOf(t, rule, body), reason, `${body} by ${rule}`)
})

t.test('what is not kept of an answer is not quoted either', async t => {
  const rule = 'body: { json: /code, equals: [0] }'
  const hidden = 'answered 200, but /code is not 0'
  t.equal(await reasonOf(t, rule, '{"code": "secret"}', { excerptBytes: 0 }), hidden)
  t.equal(await reasonOf(t, rule, '{"code": "secret"}', { whyUnkept: () => '10.1.2.3 is private' }), hidden)
})

t.test('the beginning of an answer is kept when it is no success, and a Retry-After counts', async t => {
  const success = successOf(t, 'body: { not-contains: busy }')
  const answer = (body: string) => `HTTP/1.1 200 OK\r\nretry-after: 7\r\ncontent-length: ${body.length}\r\n\r\n${body}`
  t.match(await answered(t, answer('busy'), { success }), { responseExcerpt: 'busy', retryAfterMs: 7_000 })
  t.match(await answered(t, answer('done'), { success }), { responseExcerpt: null, error: null })
  t.match(await answered(t, answer('done'), { success: successOf(t, 'status: [202]') }), { responseExcerpt: 'done' })
})

t.test('a body that decides has until the deadline, and then the attempt is unknown', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"code"')
  })
  const success = successOf(t, 'body: { json: /code, equals: [0] }')
  const { kind, error, isSilent } = await stage(t, { success, deadlineMs: 1_300 }).post(server.url)
  t.same([kind, isSilent], ['unknown', undefined])
  t.equal(error, 'answered 200, but the body has not ended within the deadline')
})
