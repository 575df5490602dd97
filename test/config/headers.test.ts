import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { ruleFile } from './file.ts'

const origin = 'https://crm.example'

t.test('headers are sent as they are written, under names in lower case', async t => {
  const file = ruleFile(t, 'headers: { X-Tenant: scheduler, x-version: 1.10, x-no: no, x-null: "null", x-e: café ü }')
  t.same(file.destinations().of(origin).headers, [
    ...['x-tenant', 'scheduler'],
    ...['x-version', '1.10'],
    ...['x-no', 'no'],
    ...['x-null', 'null'],
    ...['x-e', 'café ü'],
  ])
})

t.test('a value is read from a file, by its path or from the folder of the configuration on, and trimmed', async t => {
  const file = ruleFile(t, 'headers: { authorization: { file: token } }', { token: '\n Bearer a b \r\n' })
  t.same(file.destinations().of(origin).headers, ['authorization', 'Bearer a b'])
  writeFileSync(file.path, `origins: [{ match: '*', headers: { authorization: { file: ${file.beside('token')} } } }]`)
  t.same(file.destinations().of(origin).headers, ['authorization', 'Bearer a b'])
})

t.test('what Ringback or HTTP writes cannot be set', async t => {
  const names = ['Content-Type', 'content-length', 'Host', 'connection', 'transfer-encoding', 'expect', 'te', 'trailer']
  const ours = [
    'upgrade',
    'keep-alive',
    'proxy-connection',
    'webhook-id',
    'Webhook-Anything',
    'idempotency-key',
    'traceparent',
    'user-agent',
  ]
  for (const name of [...names, ...ours]) {
    t.match(ruleFile(t, `headers: { ${name}: x }`).faults(), [
      `origins[0].headers.${name}: expected a header that neither Ringback nor HTTP itself sets; got "${name}"`,
    ])
  }
})

t.test('a name is a token, and given once', async t => {
  const faults = ruleFile(t, 'headers: { "x y": a, "": b, "é": c, "a\\r\\nb": d, X-A: e, x-a: f }').faults()
  const expected = "expected a header's name of letters, digits and !#$%&'*+-.^_`|~"
  t.same(
    faults.map(fault => fault.replace(/^1:\d+ origins\[0\]\.headers\./, '')),
    [
      `"x y": ${expected}; got "x y"`,
      `"": ${expected}; got nothing`,
      `"é": ${expected}; got "é"`,
      `"a\\r\\nb": ${expected}; got "a\\r\\nb"`,
      'x-a: expected each header once, ignoring case; got it again',
    ],
  )
})

t.test('a value that HTTP cannot carry is refused and not shown', async t => {
  const values = [
    '"hunter2\\r\\nx: y"',
    '"hunter2\\0"',
    '"hunter2\\t"',
    '"hunter2\\x7f"',
    '"hunter2\\x85"',
    '"hunter2 "',
    '"hunter2 内"',
  ]
  for (const value of [...values, `hunter2${'x'.repeat(8_192)}`]) {
    const [fault, ...more] = ruleFile(t, `headers: { x-a: ${value} }`).faults()
    t.match(
      fault,
      /headers\.x-a: expected a value of 1 to 8192 Latin-1 characters without control .* \{ file: PATH \}; got one that is not shown$/,
    )
    t.notMatch(fault, 'hunter2')
    t.same(more, [])
  }
})

t.test('no value, or another kind of one, is refused', async t => {
  for (const value of ['', '~', 'null', '""'])
    t.match(ruleFile(t, `headers: { x-a: ${value} }`).faults(), [/x-a: .*; got nothing$/])
  t.match(ruleFile(t, 'headers: { x-a: [a] }').faults(), [/x-a: expected a text or \{ file: PATH \}; got a list$/])
  t.match(ruleFile(t, 'headers: { x-a: { fil: a } }').faults(), [
    /x-a\.file: expected the path of a readable file that holds the value; got nothing$/,
    /x-a\.fil: unknown field; did you mean file\?$/,
  ])
  const instead = ruleFile(t, 'headers: "authorization: hunter2"').faults()
  t.match(instead, [/headers: expected a mapping of names to values; got a text$/])
})

t.test('a file that holds no value is refused, and its content not shown', async t => {
  const contents = {
    empty: ' \n',
    lines: 'hunter2\nhunter3',
    chinese: 'hunter2 内',
    long: `hunter2${'x'.repeat(9_000)}`,
  }
  for (const name of Object.keys(contents)) {
    const [fault, ...more] = ruleFile(t, `headers: { x-a: { file: ${name} } }`, contents).faults()
    const got = name === 'empty' ? 'nothing' : 'one that is not shown'
    t.match(fault, new RegExp(`x-a\\.file: expected that "${name}" holds a value of 1 to 8192 .*; got ${got}$`))
    t.notMatch(fault, 'hunter')
    t.same(more, [])
  }
})

t.test('a file that cannot be read is refused with the reason', async t => {
  const file = ruleFile(t, 'headers: { x-a: { file: token } }', { token: 'x' })
  rmSync(file.beside('token'))
  t.match(file.faults(), [
    /x-a\.file: expected the path of a readable file that holds the value; got "token", which cannot be read \(ENOENT\)$/,
  ])
})

t.test('a file that others may use is refused with the remedy', { skip: process.platform === 'win32' }, async t => {
  const file = ruleFile(t, 'headers: { x-a: { file: token } }', { token: 'x' })
  chmodSync(file.beside('token'), 0o440)
  t.match(file.faults(), [/x-a\.file: expected that only its owner may use "token", as after chmod 600; got mode 440$/])
})
