import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import t from 'tap'
import { encodeForm, FormError } from '../../src/delivery/form.ts'

t.test('golden examples', async t => {
  const examples: [json: string, body: string][] = [
    ['{}', ''],
    [' { } ', ''],
    ['{"a":null}', ''],
    ['{"flowId":"9","status":1}', 'flowId=9&status=1'],
    ['{"id":9007199254740993}', 'id=9007199254740993'],
    ['{"a":1.50,"b":1e400,"c":-0,"d":1E+5,"e":0.0e-0}', 'a=1.50&b=1e400&c=-0&d=1E%2B5&e=0.0e-0'],
    ['{"2":"x","1":"y","10":"z"}', '2=x&1=y&10=z'],
    ['{"a":1,"a":2,"b":3,"a":null}', 'a=1&a=2&b=3'],
    ['{"__proto__":1,"constructor":2}', '__proto__=1&constructor=2'],
    ['{"a":[1,"x",true,false],"b":[]}', 'a=1&a=x&a=true&a=false'],
    ['{"a":true,"b":false}', 'a=true&b=false'],
    ['{"":""}', '='],
    ['{"":"","a":""}', '=&a='],
    ['{"a b&=":"c d&=+%"}', 'a+b%26%3D=c+d%26%3D%2B%25'],
    ['{"m":"*-._~!\'()"}', 'm=*-._%7E%21%27%28%29'],
    ['{"m":"é~!\'()"}', 'm=%C3%A9%7E%21%27%28%29'],
    ['{"m":"a\\r\\nb\\nc\\t\\u0000"}', 'm=a%0D%0Ab%0Ac%09%00'],
    ['{"m":"\\"\\\\\\/\\b\\f"}', 'm=%22%5C%2F%08%0C'],
    ['{"m":"内存不足"}', 'm=%E5%86%85%E5%AD%98%E4%B8%8D%E8%B6%B3'],
    ['{"m":"😀 \\ud83d\\ude00"}', 'm=%F0%9F%98%80+%F0%9F%98%80'],
    ['{"m":"\\ud83d x \\ude00"}', 'm=%EF%BF%BD+x+%EF%BF%BD'],
    ['{"m":"\\u00e9\\u007f"}', 'm=%C3%A9%7F'],
    ['\t{\r\n"a" : [ 1 , 2 ] ,\n"b" : "c" }\n', 'a=1&a=2&b=c'],
  ]
  for (const [json, body] of examples) t.equal(encodeForm(json), body, json)
})

t.test('what cannot be a form names the field and the fault', async t => {
  const refused: [json: string, message: RegExp][] = [
    ['{"a":1,"user":{"b":2}}', /^form: field "user": a nested object cannot be sent; accepted are /],
    ['{"a":[1,[2]]}', /^form: field "a": an array inside an array/],
    ['{"a":[{}]}', /^form: field "a": an object inside an array/],
    ['{"a b":[1,null]}', /^form: field "a b": null inside an array/],
    ['[]', /^form: expected a JSON object/],
    ['"x"', /^form: expected a JSON object/],
    ['null', /^form: expected a JSON object/],
    ['', /^form: not JSON$/],
  ]
  for (const [json, message] of refused) t.throws(() => encodeForm(json), { code: 'RINGBACK_FORM', message }, json)
})

t.test('malformed JSON is refused', async t => {
  const malformed = [
    '{',
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,}',
    '{"a":1}x',
    "{'a':1}",
    '{a:1}',
    '{"a" 1}',
    '{"a":[1,]}',
  ]
  const words = [
    '{"a":nul}',
    '{"a":nulll}',
    '{"a":True}',
    '{"a":undefined}',
    '{"a":NaN}',
    '{"a":truefalse}',
    '{"a":/**/1}',
  ]
  const numbers = ['{"a":+1}', '{"a":1.}', '{"a":.5}', '{"a":-}', '{"a":1e}', '{"a":1e+}', '{"a":0x1}', '{"a":-01}']
  const strings = ['{"a":"', '{"a":"\\"}', '{"a":"\\x"}', '{"a":"\\u12g4"}', '{"a":"\n"}', '{"a":"\t"}', '{"a":"é\0"}']
  for (const json of [...malformed, ...words, ...numbers, ...strings])
    t.throws(() => encodeForm(json), { code: 'RINGBACK_FORM', message: 'form: not JSON' }, json)
})

t.test('a refusal quotes no value', async t => {
  for (const json of ['{"a":"s3cret"', '{"a":"s3cret\\x"}', '{"a":["s3cret",null]}', '{"a":{"b":"s3cret"}}'])
    t.throws(() => encodeForm(json), { message: /^(?!.*s3cret)/ })
})

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string(), loneSurrogates())

t.test('strings go out as URLSearchParams would write them', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text)), pairs => {
      const json = `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`
      return encodeForm(json) === new URLSearchParams(pairs).toString()
    }),
  )
})

t.test('what JSON.parse can hold without loss goes out as it holds it', async () => {
  const scalar = fc.oneof(text, fc.boolean(), fc.integer())
  const key = text.filter(name => !/^(\d+|__proto__)$/.test(name))
  const form = fc.dictionary(key, fc.oneof(scalar, fc.constant(null), fc.array(scalar)))
  fc.assert(
    fc.property(form, fc.constantFrom(0, 1, '\t'), (object, indent) => {
      const json = JSON.stringify(object, null, indent)
      return encodeForm(json) === new URLSearchParams(pairsOf(JSON.parse(json))).toString()
    }),
  )
})

t.test('numbers keep every character', async () => {
  const digits = fc.stringMatching(/^(0|[1-9][0-9]{0,40})$/)
  const number = fc.tuple(
    fc.constantFrom('', '-'),
    digits,
    fc.stringMatching(/^(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?$/),
  )
  fc.assert(
    fc.property(number, parts => {
      const written = parts.join('')
      return encodeForm(`{"n":${written}}`) === `n=${written.replace('+', '%2B')}`
    }),
  )
})

t.test('whatever the text, the end is a body or a FormError, and a body only when JSON.parse agrees', async () => {
  const seed = fc.constantFrom('{"a":"b\\u00e9","c":[1,-2.5e3,true],"d":null}', '{"é":"x y","2":0}')
  const mutated = fc.tuple(
    seed,
    fc.nat(50),
    fc.nat(3),
    fc.constantFrom('', '"', '\\', '{', ',', '0', 'e', ' ', '\n', '\0'),
  )
  fc.assert(
    fc.property(mutated, ([json, at, cut, insert]) => {
      const broken = json.slice(0, at) + insert + json.slice(at + cut)
      const body = bodyOrNull(broken)
      return (body !== null) === isFlatJson(broken)
    }),
    { numRuns: 2_000 },
  )
})

t.test('a body cannot be made enormous by repeating a long name', async t => {
  const json = `{"${'k'.repeat(32_768)}":[${Array(16_000).fill(1).join()}]}`
  t.throws(() => encodeForm(json), { code: 'RINGBACK_FORM', message: /the body would exceed 1048576 bytes/ })
})

t.test('a body that would become enormous by its encoding is refused before it is encoded', async t => {
  const json = (elements: number) => `{"${'\u6c49'.repeat(20_000)}":[${Array(elements).fill(1).join()}]}`
  const largestMs = msOf(() => encodeForm(json(5)))
  const refusedMs = msOf(() =>
    t.throws(() => encodeForm(json(100)), { code: 'RINGBACK_FORM', message: /the body would exceed 1048576 bytes/ }),
  )
  t.ok(refusedMs < 5 * largestMs, `${refusedMs} ms beside ${largestMs} for the largest that is sent`)
})

function msOf(act: () => void): number {
  const startedAt = performance.now()
  act()
  return performance.now() - startedAt
}

t.test('a body may have 1 MiB, and no byte more', async t => {
  const json = (length: number) => `{"a":"${'b'.repeat(length)}"}`
  t.equal(encodeForm(json(1_048_574)).length, 1_048_576)
  t.throws(() => encodeForm(json(1_048_575)), { code: 'RINGBACK_FORM' })
})

const skip = spawnSync('python3', ['--version']).error === undefined ? false : 'python3 is not installed'

t.test("Python's parse_qsl reads the same fields", { skip }, async t => {
  const pairs: [string, string][] = [
    ['flowId', '9007199254740993'],
    ['flowId', '18446744073709551615'],
    ['message', '任务执行失败：内存不足 😀'],
    ['empty', ''],
    ['', 'no name'],
    ['lines', 'a\r\nb\nc\t+&=%;'],
    ['large', '\u00e9 x'.repeat(21_845)],
  ]
  const body = encodeForm(`{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`)
  const program =
    'import json,sys,urllib.parse as u;print(json.dumps(u.parse_qsl(sys.stdin.read(),keep_blank_values=True,strict_parsing=True)))'
  const python = spawnSync('python3', ['-c', program], { input: body, encoding: 'utf8', maxBuffer: 1 << 24 })
  t.same(JSON.parse(python.stdout), pairs)
})

function loneSurrogates(): fc.Arbitrary<string> {
  const unit = fc.integer({ min: 0xd7f0, max: 0xe010 }).map(code => String.fromCharCode(code))
  return fc.array(unit).map(units => units.join(''))
}

function pairsOf(form: Record<string, unknown>): [string, string][] {
  return Object.entries(form).flatMap(([key, value]) => {
    if (value === null) return []
    const values: unknown[] = Array.isArray(value) ? value : [value]
    return values.map((one): [string, string] => [key, String(one)])
  })
}

function bodyOrNull(json: string): string | null {
  try {
    return encodeForm(json)
  } catch (error) {
    if (error instanceof FormError) return null
    throw error
  }
}

function isFlatJson(json: string): boolean {
  try {
    const form: unknown = JSON.parse(json)
    if (typeof form !== 'object' || form === null || Array.isArray(form)) return false
    return Object.values(form).every(value =>
      Array.isArray(value) ? value.every(isScalar) : value === null || isScalar(value),
    )
  } catch {
    return false
  }
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object'
}
