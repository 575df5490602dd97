import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ringback } from '../fixtures/ringback.ts'

const aKey = /^whsec_[A-Za-z0-9+/]{43}=\n$/

t.test('a key is printed, of 32 bytes, another each time', async t => {
  const keys = [await ringback(['keygen']), await ringback(['keygen'])]
  for (const { code, out, err } of keys) {
    t.same({ code, err }, { code: 0, err: '' })
    t.match(out, aKey)
  }
  t.not(keys[0]?.out, keys[1]?.out)
})

t.test('with a path it goes into a new file of its owner alone, and is not printed', async t => {
  const file = join(t.testdir(), 'crm.key')
  t.match(await ringback(['keygen', file]), { code: 0, out: /: a new key, which only its owner can read\n$/, err: '' })
  t.match(readFileSync(file, 'utf8'), aKey)
  if (process.platform !== 'win32') t.equal(statSync(file).mode & 0o777, 0o600)
})

t.test('of a pair the private key goes where a key goes, and the public one to stderr', async t => {
  const file = join(t.testdir(), 'crm.key')
  const printed = await ringback(['keygen', '--ed25519'])
  const made = await ringback(['keygen', '--ed25519', file])
  for (const [text, err] of [[printed.out, printed.err] as const, [readFileSync(file, 'utf8'), made.err] as const]) {
    t.match(text, /^whsk_[A-Za-z0-9+/]{86}==\n$/)
    const bytes = Buffer.from(text.trim().slice('whsk_'.length), 'base64')
    t.equal(err, `for receivers: whpk_${bytes.subarray(32).toString('base64')}\n`)
  }
  t.match(made, { code: 0, out: /: a new key, which only its owner can read\n$/ })
})

t.test('a file that is there is left as it is', async t => {
  const file = join(t.testdir({ 'crm.key': 'precious' }), 'crm.key')
  const { code, out, err } = await ringback(['keygen', file])
  t.same({ code, out }, { code: 1, out: '' })
  t.match(
    err,
    /^ringback: <file>: expected a path without a file; got ".*crm\.key", which exists and was not changed\n$/,
  )
  t.equal(readFileSync(file, 'utf8'), 'precious')
})

t.test('a folder that is not there is an error, two paths are wrong usage', async t => {
  const file = join(t.testdir(), 'none', 'crm.key')
  const err = /^ringback: <file>: expected a path where a file can be created; got ".*crm\.key" \(ENOENT\)\n$/
  t.match(await ringback(['keygen', file]), { code: 1, out: '', err })
  t.match(await ringback(['keygen', 'a', 'b']), { code: 2, out: '', err: /unexpected argument "b"/ })
})
