import { createHmac, createPrivateKey, sign as signBytes } from 'node:crypto'
import t from 'tap'
import { arrivalOf, type Headers, VerificationError, verify } from '../../src/receiver/receiver.ts'

const NOW_MS = 1_614_265_330_000
const key = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const otherKey = `whsec_${Buffer.alloc(24, 9).toString('base64')}`
const body = 'flowId=7&flowExecutionId=31&code=3&message=%E5%A4%B1%E8%B4%A5'

const plain = {
  'webhook-id': '0b9fb4d6-9b5e-4b5c-8c1e-0a1b2c3d4e5f',
  'webhook-timestamp': '1614265330',
  'webhook-attempt': '2',
}

/** By the words of the specification, not by the code under test. */
function sign(with_: string, headers: Record<string, string> = plain, of: string | Buffer = body): string {
  const text = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`
  const bytes = Buffer.from(with_.slice(6), 'base64')
  return `v1,${createHmac('sha256', bytes)
    .update(Buffer.concat([Buffer.from(text), Buffer.from(of)]))
    .digest('base64')}`
}

const signed = { ...plain, 'webhook-signature': sign(key) }

function check(
  headers: Headers,
  { of = body as string | Uint8Array, keys = key as string | string[], nowMs = NOW_MS } = {},
) {
  return verify(headers, of, keys, { nowMs })
}

/** The code of the refusal. */
function refusal(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof VerificationError) return error.code
    throw error
  }
  return 'accepted'
}

t.test('the vector of Standard Webhooks is genuine', async t => {
  // What its library for JavaScript, 1.0.0, makes of the key and the message of its README.
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const arrival = verify(headers, '{"test": 2432232314}', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', { nowMs: NOW_MS })
  t.same(arrival, { messageId: 'msg_p5jXN8AQM9LWM0D4loKWxJek', attempt: null, sentAt: 1_614_265_330 })
})

t.test('a genuine POST gives its id, attempt and time, however headers and body are held', async t => {
  const wanted = { messageId: plain['webhook-id'], attempt: 2, sentAt: 1_614_265_330 }
  const shouted = Object.fromEntries(Object.entries(signed).map(([name, value]) => [name.toUpperCase(), [value]]))
  for (const headers of [signed, new Headers(signed), shouted, { ...signed, host: undefined }]) {
    for (const of of [body, Buffer.from(body), new TextEncoder().encode(body)]) t.same(check(headers, { of }), wanted)
  }
  const bytes = Buffer.from([0, 255, 128, 10])
  t.same(check({ ...plain, 'webhook-signature': sign(key, plain, bytes) }, { of: bytes }), wanted, 'bytes, not text')
})

t.test('any key and any signature may be the one that fits', async t => {
  const both = `${sign(otherKey)} ${sign(key)}`
  t.equal(
    refusal(() => check({ ...plain, 'webhook-signature': both })),
    'accepted',
  )
  t.equal(
    refusal(() => check({ ...plain, 'webhook-signature': `v1a,abc v2,xyz ${sign(key)}` })),
    'accepted',
  )
  t.equal(
    refusal(() => check(signed, { keys: [otherKey, key] })),
    'accepted',
  )
  t.equal(
    refusal(() => check(signed, { keys: `${otherKey}\n${key}\n` })),
    'accepted',
    'a file with a line each',
  )
  t.equal(
    refusal(() => check(signed, { keys: otherKey })),
    'no_match',
  )
})

t.test('one bit flipped anywhere is no match', async t => {
  const flip = (text: string, bit: number) => {
    const bytes = Buffer.from(text)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return bytes
  }
  for (let bit = 0; bit < body.length * 8; bit += 1)
    t.equal(
      refusal(() => check(signed, { of: flip(body, bit) })),
      'no_match',
    )
  const accepted: string[] = []
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const) {
    for (let bit = 0; bit < signed[name].length * 8; bit += 1) {
      const headers = { ...signed, [name]: flip(signed[name], bit).toString('latin1') }
      if (refusal(() => check(headers)) === 'accepted') accepted.push(`${name}, bit ${bit}`)
    }
  }
  t.same(accepted, [])
})

t.test('what is cut off, added or moved is no match', async t => {
  const signature = sign(key)
  const others = [
    'v1',
    'v1,',
    'v1,A',
    signature.slice(0, -1),
    `${signature}=`,
    `${signature},`,
    `v2${signature.slice(2)}`,
  ]
  for (const other of [...others, signature.replace('=', '\n='), signature.slice(3), ',', ' ']) {
    t.equal(
      refusal(() => check({ ...plain, 'webhook-signature': other })),
      'no_match',
      other,
    )
  }
  // The same bytes under the signature, with the dots elsewhere.
  const moved = { ...signed, 'webhook-id': `${plain['webhook-id']}.1614265330`, 'webhook-timestamp': '1614265330' }
  t.equal(
    refusal(() => check(moved, { of: body.slice(11) })),
    'no_match',
  )
  t.equal(
    refusal(() => check(signed, { of: '' })),
    'no_match',
  )
})

t.test('a public key verifies what its private key signed, and nothing else', async t => {
  // RFC 8032, section 7.1, test 1.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const half = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex')
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = `whpk_${half.toString('base64')}`
  const text = `${plain['webhook-id']}.${plain['webhook-timestamp']}.${body}`
  const bytes = signBytes(null, Buffer.from(text), privateKey)
  const v1a = `v1a,${bytes.toString('base64')}`
  const verdict = (signature: string, keys: string | string[] = publicKey, of = body) =>
    refusal(() => check({ ...plain, 'webhook-signature': signature }, { keys, of }))
  t.equal(verdict(v1a), 'accepted')
  t.equal(verdict(`${sign(otherKey)} ${v1a}`), 'accepted', 'beside a signature of another kind')
  t.equal(verdict(sign(key), [publicKey, key]), 'accepted', 'while receivers change from the secret')
  t.equal(verdict(v1a, key), 'no_match', 'who has only the secret')
  t.equal(verdict(`v1,${bytes.toString('base64')}`), 'no_match', 'as another version')
  t.equal(verdict(v1a, publicKey, `${body}&`), 'no_match')
  t.equal(verdict(`${v1a.slice(0, -1)}`), 'no_match', 'without its padding')
  t.equal(
    verdict(`v1a,${createHmac('sha256', half).update(text).digest('base64')}`),
    'no_match',
    'an HMAC by what is public',
  )
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes)
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    if (verdict(`v1a,${flipped.toString('base64')}`) !== 'no_match') t.fail(`bit ${bit}`)
  }
})

t.test('the clock may differ by the tolerance, either way, and no more', async t => {
  const at = (seconds: number) => refusal(() => check(signed, { nowMs: NOW_MS + seconds * 1_000 }))
  t.same([at(300), at(-300), at(301), at(-301)], ['accepted', 'accepted', 'too_old', 'too_new'])
  const narrow = () => verify(signed, body, key, { nowMs: NOW_MS + 11_000, toleranceSeconds: 10 })
  t.throws(narrow, { code: 'too_old', message: 'webhook-timestamp is 11 s old; the limit is 10 s' })
  t.throws(() => verify(signed, body, key), { code: 'too_old' }, 'by default it is this clock that counts')
})

t.test('a clock or a tolerance that is no finite number is a TypeError, and lets no old POST in', async t => {
  const old = { ...plain, 'webhook-timestamp': '1' }
  const headers = { ...old, 'webhook-signature': sign(key, old) }
  for (const none of [NaN, Infinity, -Infinity, '1000', null, {}, 1_000n] as number[]) {
    t.throws(() => verify(headers, body, key, { nowMs: none }), { name: 'TypeError', message: /^nowMs: expected/ })
    t.throws(() => verify(headers, body, key, { toleranceSeconds: none }), {
      name: 'TypeError',
      message: /^toleranceSeconds: expected a finite number of at least 0; got /,
    })
  }
  t.throws(() => verify(headers, body, key, { toleranceSeconds: -1 }), { name: 'TypeError' })
})

t.test('a header that is missing or malformed is named', async t => {
  for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const) {
    t.throws(() => check({ ...signed, [name]: undefined }), { code: 'missing_header', message: `no header ${name}` })
    t.throws(() => check({ ...signed, [name]: '' }), { code: 'missing_header' })
    t.throws(() => check({ ...signed, [name]: ['a', 'b'] }), {
      code: 'malformed_header',
      message: `header ${name}: expected one value`,
    })
    t.throws(() => check({ ...signed, [name.toUpperCase()]: 'a' }), { code: 'malformed_header' })
  }
  for (const timestamp of ['soon', '-1', '1e9', '1614265330.5', '161426533000000', ' 1']) {
    t.throws(() => arrivalOf({ ...plain, 'webhook-timestamp': timestamp }), { code: 'malformed_header' }, timestamp)
  }
  t.throws(() => arrivalOf({ ...plain, 'webhook-id': 'a'.repeat(256) }), { code: 'malformed_header' })
  t.equal(arrivalOf({ ...plain, 'webhook-attempt': 'first' }).attempt, null)
})

t.test('no refusal tells what would have been accepted', async t => {
  const secrets = [key, key.slice(6), sign(key), sign(key).slice(3)]
  const attempts = [{ ...signed, 'webhook-signature': 'v1,x' }, { ...signed, 'webhook-timestamp': '1' }, plain]
  for (const headers of attempts) {
    try {
      check(headers)
      t.fail('accepted')
    } catch (error) {
      const all = [String(error), (error as Error).stack, JSON.stringify(error)].join('\n')
      for (const secret of secrets) t.notOk(all.includes(secret), String(error))
    }
  }
})

t.test('a key that is none is a TypeError at once, which does not show it', async t => {
  const short = `whsec_${Buffer.alloc(16).toString('base64')}`
  for (const [keys, says] of [
    ['', /^keys: expected at least one/],
    [[], /^keys: expected at least one/],
    ['hunter2hunter2hunter2hunter2', /^key: expected a text that begins with whsec_ or whpk_$/],
    [key.slice(6), /^key: expected a text that begins with whsec_ or whpk_$/],
    ['whsec_hunter2!', /^key: expected base64, with its padding, behind whsec_$/],
    [key.replace('=', ''), /^key: expected base64, with its padding/],
    [[key, short], /^key 2 of 2: expected whsec_ and the base64 of 24 to 64 bytes; got 16 bytes$/],
    [`whsk_${Buffer.alloc(32).toString('base64')}`, /; got a private key, which the sender alone may hold$/],
    [`whpk_${Buffer.alloc(31).toString('base64')}`, /^key: expected whpk_ and the base64 of 32 bytes; got 31 bytes$/],
    [null, /^keys: expected a text or a list of texts/],
    [[key, 7], /^keys: expected a text or a list of texts; got number$/],
  ] as [string, RegExp][]) {
    // Without a signature, so that the key is what is found first.
    t.throws(() => check(plain, { keys }), { name: 'TypeError', message: says })
  }
})

t.test('a body that a parser had before is a TypeError', async t => {
  const parsed = { flowId: '7' } as unknown as string
  t.throws(() => check(signed, { of: parsed }), { name: 'TypeError', message: /bytes as they came.*got object/ })
})
