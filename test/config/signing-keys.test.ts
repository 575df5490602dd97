import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import { type File, ruleFile } from './file.ts'

const origin = 'https://crm.example'
const keyOf = (bytes: Buffer): string => `whsec_${bytes.toString('base64')}`

/** A rule that signs with the key in `key`, which has this content and mode. */
function signed(t: Test, content: string, mode = 0o600): File {
  const file = ruleFile(t, 'sign: { file: key }', { key: content })
  chmodSync(file.beside('key'), mode)
  return file
}

function keysIn(file: File): Buffer[] {
  return file
    .destinations()
    .of(origin)
    .signingKeys.map(key => key.export())
}

t.test('a key is read from a file, with or without a line break behind it', async t => {
  const key = randomBytes(32)
  for (const end of ['', '\n', '\r\n', ' \n\n']) t.same(keysIn(signed(t, `${keyOf(key)}${end}`)), [key])
  const file = signed(t, keyOf(key))
  writeFileSync(file.path, `origins: [{ match: '*', sign: { file: ${file.beside('key')} } }]`)
  t.same(keysIn(file), [key], 'by its path')
})

t.test('while rotating a file holds two keys, in the order in which they sign', async t => {
  const keys = [randomBytes(24), randomBytes(64)]
  t.same(keysIn(signed(t, `${keys.map(keyOf).join('\n')}\n`)), keys)
})

t.test('a private key signs, of its seed alone or with its public key, beside a secret', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
  const half = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  for (const bytes of [seed, Buffer.concat([seed, half])]) {
    const file = signed(t, `${keyOf(randomBytes(32))}\nwhsk_${bytes.toString('base64')}\n`)
    const { signingKeys } = file.destinations().of(origin)
    t.same(
      signingKeys.map(key => key.type),
      ['secret', 'private'],
    )
    t.ok(signingKeys[1]?.equals(privateKey))
  }
})

t.test('without a key nothing is signed', async t => {
  t.same(keysIn(ruleFile(t, 'concurrency: 4')), [])
})

t.test('a file that others may use is refused with the remedy', { skip: process.platform === 'win32' }, async t => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666]) {
    t.same(signed(t, keyOf(randomBytes(32)), mode).faults(), [
      `1:39 origins[0].sign.file: expected that only its owner may use "key", as after chmod 600; got mode ${mode.toString(8)}`,
    ])
  }
  for (const mode of [0o600, 0o400, 0o700]) t.same(signed(t, keyOf(randomBytes(32)), mode).faults(), [])
})

t.test('what is no key is refused, and never shown', async t => {
  const canary = randomBytes(32).toString('base64')
  const bytes = (n: number): string => keyOf(randomBytes(n))
  const file =
    'expected that "key" holds one key, or two while rotating, a line each: whsec_ and the base64 of 24 to 64 bytes, or an ed25519 key, whsk_ and its base64'
  const line = (n: number, what: string): string =>
    `expected that line ${n} of "key" ${what}${what.includes('; got ') ? '' : '; got a text that is not shown'}`
  const size = (n: number): string => `holds whsec_ and the base64 of 24 to 64 bytes; got ${n} bytes`
  const refused: [content: string, ...faults: string[]][] = [
    ['', `${file}; got nothing`],
    [' \n\n', `${file}; got nothing`],
    [`${bytes(32)}\n${bytes(32)}\n${bytes(32)}\n`, `${file}; got 3 lines`],
    [canary, line(1, 'holds a text that begins with whsec_ or whsk_')],
    [`WHSEC_${canary}`, line(1, 'holds a text that begins with whsec_ or whsk_')],
    [`whsec_${canary} x`, line(1, 'holds base64, with its padding, behind whsec_')],
    [`whsec_${canary.replaceAll('=', '')}`, line(1, 'holds base64, with its padding, behind whsec_')],
    [`whsec_${canary.slice(0, -2)}*=`, line(1, 'holds base64, with its padding, behind whsec_')],
    ['whsec_', line(1, size(0))],
    [bytes(23), line(1, size(23))],
    [bytes(65), line(1, size(65))],
    [`\n${bytes(32)}\nhunter2${canary}`, line(3, 'holds a text that begins with whsec_ or whsk_')],
    [`whpk_${canary}`, line(1, 'holds a text that begins with whsec_ or whsk_; got a public key, which cannot sign')],
    [`whsk_${canary}=`, line(1, 'holds base64, with its padding, behind whsk_')],
    [
      `whsk_${randomBytes(64).toString('base64')}`,
      line(1, 'holds whsk_ and the base64 of 32 bytes, or of 64 of which the last 32 are its public key; got 64 bytes'),
    ],
    [`${bytes(16)}\n${canary}`, line(1, size(16)), line(2, 'holds a text that begins with whsec_ or whsk_')],
  ]
  for (const [content, ...faults] of refused) {
    const found = signed(t, content).faults()
    t.same(
      found.map(fault => fault.replace(/^1:\d+ origins\[0\]\.sign\.file: /, '')),
      faults,
    )
    for (const each of content.split(/\s|whsec_|whsk_|whpk_/)) if (each.length > 3) t.notOk(found.join().includes(each))
  }
})

t.test('a key that stands in the configuration itself is refused, and not shown', async t => {
  const key = keyOf(randomBytes(32))
  const path = 'origins[0].sign.file: expected the path of a readable file that holds the key'
  const refused: [setting: string, fault: string][] = [
    [`sign: ${key}`, 'origins[0].sign: expected { file: PATH }; got a text'],
    ['sign:', 'origins[0].sign: expected { file: PATH }; got nothing'],
    [`sign: [{ file: ${key} }]`, 'origins[0].sign: expected { file: PATH }; got a list'],
    [
      `sign: { file: ${key} }`,
      'origins[0].sign.file: expected the path of a readable file that holds the key; got a key, which is not shown',
    ],
    ['sign: { file: }', `${path}; got nothing`],
    ['sign: { file: [a] }', `${path}; got a list`],
    ['sign: {}', `${path}; got nothing`],
  ]
  for (const [setting, fault] of refused) {
    const found = ruleFile(t, setting).faults()
    t.same(
      found.map(each => each.replace(/^1:\d+ /, '')),
      [fault],
    )
  }
})

t.test('a file that cannot be read is refused with the reason', async t => {
  t.match(ruleFile(t, 'sign: { file: none }').faults(), [
    /sign\.file: expected the path of a readable file that holds the key; got "none", which cannot be read \(ENOENT\)$/,
  ])
  const file = ruleFile(t, 'sign: { file: folder }')
  mkdirSync(file.beside('folder'), { mode: 0o700 })
  t.match(file.faults(), [/got "folder", which cannot be read \(EISDIR\)$/])
})

t.test('a key shows itself to nobody who prints the settings', async t => {
  const key = randomBytes(32)
  const settings = signed(t, keyOf(key)).destinations().of(origin)
  for (const text of [inspect(settings, { depth: 9, showHidden: true }), JSON.stringify(settings)])
    for (const shown of [key.toString('base64'), key.toString('hex').replaceAll(/(..)(?=.)/g, '$1 ')])
      t.notOk(text.includes(shown))
})
