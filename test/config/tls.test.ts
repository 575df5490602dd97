import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import t, { type Test } from 'tap'
import { tlsConnect } from '../../src/delivery/tls-connect.ts'
import { stage } from '../delivery/stage.ts'
import { ca, client, onLoopback, secureServer } from '../fixtures/tls.ts'
import { File, ruleFile } from './file.ts'

const files = { 'ca.pem': ca, 'client.pem': client.cert, 'client.key': client.key, 'other.key': newKey() }

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A rule with these settings of TLS. */
function tlsFile(t: Test, setting: string, others: Readonly<Record<string, string>> = {}): File {
  return ruleFile(t, `tls: ${setting}`, { ...files, ...others })
}

t.test('a POST goes by the authority, certificate, key and version that a rule names', async t => {
  const server = await secureServer(t, { ca, requestCert: true, rejectUnauthorized: true })
  const file = tlsFile(t, '{ ca: ca.pem, cert: client.pem, key: client.key, min-version: 1.3 }')
  const destinations = file.destinations()
  const connect = onLoopback(tlsConnect(origin => destinations.of(origin), 5_000))
  t.match(await stage(t, {}, { connect }).post(server.url), { kind: 'delivered' })
  t.same(server.requests, [{ version: 'TLSv1.3', from: 'client' }])
})

t.test('several files of authorities, each with several certificates and text around them, are one', async t => {
  const server = await secureServer(t)
  const file = tlsFile(t, '{ ca: [client.pem, all.pem] }', { 'all.pem': `one\n${client.cert}two\r\n${ca}` })
  const destinations = file.destinations()
  const connect = onLoopback(tlsConnect(origin => destinations.of(origin), 5_000))
  t.match(await stage(t, {}, { connect }).post(server.url), { kind: 'delivered' })
})

t.test('without the setting, or with nothing in it, Node decides', async t => {
  t.equal(ruleFile(t, 'rate: 1/s').destinations().of('https://a.example').tls, null)
  t.same(tlsFile(t, '{}').faults(), [])
})

t.test('a wrong setting is a fault with what was expected', async t => {
  const path = 'the path of a readable file that holds'
  const refused: [setting: string, ...faults: string[]][] = [
    ['off', ': expected { ca: FILE, cert: FILE, key: FILE, min-version: 1.2 or 1.3 }; got a text'],
    ['{ verify: no }', '.verify: unknown field; the fields are ca, cert, key, min-version'],
    ['{ min-version: 1.1 }', '.min-version: expected 1.2 or 1.3; got "1.1"'],
    ['{ ca: }', `.ca: expected ${path} one or more PEM certificates; got nothing`],
    ['{ ca: [] }', '.ca: expected a file or a list of at least one; got an empty list'],
    ['{ ca: { file: ca.pem } }', '.ca: expected a list; got a mapping'],
    ['{ ca: [ca.pem, [ca.pem]] }', `.ca[1]: expected ${path} one or more PEM certificates; got a list`],
    [
      '{ ca: none.pem }',
      `.ca: expected ${path} one or more PEM certificates; got "none.pem", which cannot be read (ENOENT)`,
    ],
    ['{ cert: client.pem }', '.key: expected the key of cert; got nothing'],
    ['{ key: client.key }', '.cert: expected the certificate of key; got nothing'],
    [
      '{ cert: client.pem, key: other.key }',
      '.key: expected the key of the first certificate in cert; got another one',
    ],
  ]
  for (const [setting, ...faults] of refused)
    t.same(
      tlsFile(t, setting)
        .faults()
        .map(fault => fault.replace(/^1:\d+ origins\[0\]\.tls/, '')),
      faults,
    )
})

t.test('a file that holds something else is a fault, and its content not shown', async t => {
  const encrypted = createPrivateKey(client.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'hunter2',
  })
  const others = {
    'empty.pem': '',
    'broken.pem': ca.replace(/[A-Z]{2}/, '!!'),
    'half.pem': `${ca}${ca.slice(0, 100)}\n-----END CERTIFICATE-----`,
    'broken.key': client.key.replace(/M[A-Z]/, '!!'),
    'encrypted.key': encrypted.toString(),
  }
  const wrong: [setting: string, expected: string, got: string][] = [
    ['ca: empty.pem', 'one or more PEM certificates', 'something else in "empty.pem"'],
    ['ca: broken.pem', 'one or more PEM certificates', 'something else in "broken.pem"'],
    ['ca: half.pem', 'one or more PEM certificates', 'something else in "half.pem"'],
    ['ca: client.key', 'one or more PEM certificates', 'something else in "client.key"'],
    ['cert: client.pem, key: broken.key', 'a PEM private key without a passphrase', 'something else in "broken.key"'],
    ['cert: client.pem, key: client.pem', 'a PEM private key without a passphrase', 'something else in "client.pem"'],
    [
      'cert: client.pem, key: encrypted.key',
      'a PEM private key without a passphrase',
      'an encrypted one in "encrypted.key"',
    ],
  ]
  for (const [setting, expected, got] of wrong) {
    const [fault = '', ...more] = tlsFile(t, `{ ${setting} }`, others).faults()
    t.match(fault, new RegExp(`tls\\.\\w+: expected that the file holds ${expected}; got ${got}$`))
    t.same(more, [])
  }
})

t.test('a key that others may use is refused, whoever owns it; a certificate is for all', async t => {
  for (const mode of [0o604, 0o440, 0o660]) {
    const file = tlsFile(t, '{ cert: client.pem, key: client.key }')
    chmodSync(file.beside('client.key'), mode)
    chmodSync(file.beside('client.pem'), 0o644)
    t.match(file.faults(), [
      new RegExp(`tls\\.key: expected that only its owner may use "client.key", .*; got mode ${mode.toString(8)}$`),
    ])
  }
})

t.test('a key that is not there is refused with the reason', async t => {
  const file = tlsFile(t, '{ cert: client.pem, key: client.key }')
  rmSync(file.beside('client.key'))
  t.match(file.faults(), [/tls\.key: expected the path of .*; got "client\.key", which cannot be read \(ENOENT\)$/])
})

t.test('where there is no TLS, its settings are a mistake', async t => {
  t.same(new File(t, 'origins: [{ match: "http://a.example", tls: { min-version: 1.3 } }]').faults(), [
    '1:45 origins[0].tls: never used: there is no TLS over http:',
  ])
})
