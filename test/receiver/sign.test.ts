import { generateKeyPairSync, randomBytes } from 'node:crypto'
import t from 'tap'
import { sign } from '../../src/receiver/sign.ts'
import { verify } from '../../src/receiver/verify.ts'

const secret = `whsec_${randomBytes(32).toString('base64')}`

t.test('what sign makes, verify accepts: by a secret, by an ed25519 key, by either of two', t => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const seed = `whsk_${privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('base64')}`
  const open = `whpk_${publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64')}`
  const body = 'note=%E5%A4%B1'
  for (const [signing, verifying] of [
    [secret, secret],
    [seed, open],
    [[secret, seed], open],
    [[secret, seed], secret],
  ] as const)
    t.match(verify(sign(body, signing, { messageId: 'm', attempt: 3 }), body, verifying), {
      messageId: 'm',
      attempt: 3,
    })
  t.throws(() => verify(sign(body, secret, { nowMs: 0 }), body, secret), { code: 'too_old' })
  t.throws(() => verify(sign('other', secret), body, secret), { code: 'no_match' })
  t.end()
})

t.test('a key that is none is named', t => {
  t.throws(() => sign('', 'whsec_short'), { name: 'TypeError', message: /^key: expected/ })
  t.throws(() => sign('', secret, { attempt: Number.NaN }), TypeError)
  t.end()
})
