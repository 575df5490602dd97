import { chmodSync } from 'node:fs'
import t from 'tap'
import { proxy as certified } from '../fixtures/tls.ts'
import { ruleFile } from './file.ts'

const origin = 'https://crm.example'
const aUrl =
  'expected http://host:port or https://host:port, without a user, which stands in authorization, and without a path'

t.test('a proxy is its URL, or that with credentials and TLS of its own', async t => {
  t.match(ruleFile(t, 'proxy: http://proxy.example:3128').destinations().of(origin).proxy, {
    url: new URL('http://proxy.example:3128'),
    authorization: null,
    tls: null,
  })
  const setting = 'proxy: { url: "https://[fd00::1]", authorization: { file: token }, tls: { ca: ca.pem } }'
  const { proxy, tls } = ruleFile(t, setting, { token: 'Basic dTpw\n', 'ca.pem': certified.cert })
    .destinations()
    .of(origin)
  t.match(proxy, { url: new URL('https://[fd00::1]/'), authorization: 'Basic dTpw' })
  t.ok(proxy?.tls)
  t.equal(tls, null, 'what a proxy is trusted by holds for no receiver')
  t.equal(ruleFile(t, 'rate: 1/s').destinations().of(origin).proxy, null)
})

t.test('a wrong setting is a fault with what was expected, and all are named', async t => {
  const what = 'expected http://host:port, or { url: http://host:port, authorization: { file: PATH }, tls: { ... } }'
  const refused: [setting: string, ...faults: string[]][] = [
    ['', `: ${what}; got nothing`],
    ['[a]', `: ${what}; got a list`],
    ['proxy.example:3128', `: ${aUrl}; got "proxy.example:3128"`],
    ['socks5://proxy.example', `: ${aUrl}; got "socks5://proxy.example"`],
    ['http://proxy.example/pac', `: ${aUrl}; got "http://proxy.example/pac"`],
    ['{}', `.url: ${aUrl}; got nothing`],
    ['{ url: [a] }', `.url: ${aUrl}; got a list`],
    ['{ url: http://a, authorisation: { file: token } }', '.authorisation: unknown field; did you mean authorization?'],
    ['{ url: http://a, tls: { min-version: 1.3 } }', '.tls: never used: there is no TLS with a proxy at http:'],
    [
      '{ url: ftp://a, authorization: hunter2, tls: { min-version: 1 } }',
      `.url: ${aUrl}; got "ftp://a"`,
      '.authorization: expected { file: PATH }; got a text',
      '.tls.min-version: expected 1.2 or 1.3; got "1"',
    ],
  ]
  for (const [setting, ...faults] of refused)
    t.same(
      ruleFile(t, `proxy: ${setting}`)
        .faults()
        .map(fault => fault.replace(/^1:\d+ origins\[0\]\.proxy/, '')),
      faults,
      setting,
    )
})

t.test('credentials in the URL are refused, and not shown', async t => {
  for (const url of ['http://ringback:hunter2@proxy', 'ringback:hunter2@proxy:3128', 'http:hunter2@proxy'])
    for (const setting of [`"${url}"`, `{ url: "${url}" }`]) {
      const [fault = '', ...more] = ruleFile(t, `proxy: ${setting}`).faults()
      t.ok(fault.endsWith(`${aUrl}; got one that is not shown`), fault)
      t.same(more, [])
    }
})

t.test("credentials come with their scheme, from a file of their owner's alone, and are not shown", async t => {
  const setting = 'proxy: { url: http://proxy, authorization: { file: token } }'
  for (const content of ['ringback:hunter2', 'hunter2'])
    t.match(ruleFile(t, setting, { token: content }).faults(), [
      /proxy\.authorization: expected that the file holds a scheme and credentials, such as Basic .*; got something else, which is not shown$/,
    ])
  t.match(ruleFile(t, setting, { token: 'Basic hunter2\nx: y' }).faults(), [
    /proxy\.authorization\.file: expected that "token" holds a value of .*; got one that is not shown$/,
  ])
  const file = ruleFile(t, setting, { token: 'Basic hunter2' })
  if (process.platform !== 'win32') chmodSync(file.beside('token'), 0o640)
  t.match(file.faults(), process.platform === 'win32' ? [] : [/only its owner may use "token".*; got mode 640$/])
})

t.test('credentials of a proxy cannot be sent to receivers as a header', async t => {
  t.match(ruleFile(t, 'headers: { Proxy-Authorization: Basic hunter2 }').faults(), [
    /expected a header that neither Ringback nor HTTP itself sets; got "Proxy-Authorization"$/,
  ])
})
