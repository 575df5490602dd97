import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject, randomBytes, webcrypto } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { signature } from '../../src/delivery/signature.ts'
import { rawServer, stage } from './stage.ts'

const keyOf = (text: string): KeyObject => createSecretKey(Buffer.from(text.slice('whsec_'.length), 'base64'))
const newKey = (): string => `whsec_${randomBytes(32).toString('base64')}`
const now = (): string => String(Math.floor(Date.now() / 1_000))

/** What another's implementation says to a request. */
function accepts(key: string, id: string, timestamp: string, body: string, signed: string): boolean {
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signed }
  try {
    new Webhook(key).verify(body, headers, { jsonParse: false })
    return true
  } catch {
    return false
  }
}

t.test('the vector of Standard Webhooks comes out', async t => {
  const key = keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
  t.equal(
    signature([key], 'msg_p5jXN8AQM9LWM0D4loKWxJek', '1614265330', '{"test": 2432232314}'),
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  )
})

t.test('another implementation makes the same, and accepts ours, whatever the key and the form', async () => {
  const bytes = fc.uint8Array({ minLength: 24, maxLength: 64 })
  const body = fc.array(fc.tuple(fc.string(), fc.string())).map(fields => new URLSearchParams(fields).toString())
  fc.assert(
    fc.property(bytes, fc.uuid(), body, (bytes, id, body) => {
      const key = `whsec_${Buffer.from(bytes).toString('base64')}`
      const timestamp = now()
      const ours = signature([keyOf(key)], id, timestamp, body)
      const theirs = new Webhook(key).sign(id, new Date(Number(timestamp) * 1_000), body)
      return ours === theirs && accepts(key, id, timestamp, body, ours)
    }),
  )
})

t.test('that library takes a form for JSON unless it is told, as docs/start/receivers.md says', async t => {
  const key = newKey()
  const [id, timestamp, body] = ['0190c2f4-0000-7000-8000-000000000001', now(), 'flowId=7']
  const signed = signature([keyOf(key)], id, timestamp, body)
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signed }
  t.throws(() => new Webhook(key).verify(body, headers), SyntaxError)
  t.equal(new Webhook(key).verify(body, headers, { jsonParse: false }), undefined)
})

t.test('one changed bit in the id, the timestamp, the body, the key or the signature, and it does not fit', async t => {
  const key = newKey()
  const request = { id: '0190c2f4-0000-7000-8000-000000000001', timestamp: now(), body: 'flowId=7&message=a+b' }
  const signed = signature([keyOf(key)], request.id, request.timestamp, request.body)
  t.ok(accepts(key, request.id, request.timestamp, request.body, signed))
  for (const part of ['id', 'timestamp', 'body'] as const) {
    for (let bit = 0; bit < request[part].length * 8; bit++) {
      const bytes = Buffer.from(request[part])
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const changed = { ...request, [part]: bytes.toString('latin1') }
      const other = signature([keyOf(key)], changed.id, changed.timestamp, changed.body)
      if (other === signed || accepts(key, changed.id, changed.timestamp, changed.body, signed))
        t.fail(`${part} ${bit}`)
    }
  }
  const bytes = keyOf(key).export()
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    if (accepts(`whsec_${changed.toString('base64')}`, request.id, request.timestamp, request.body, signed))
      t.fail(`key ${bit}`)
  }
  const mac = Buffer.from(signed.slice('v1,'.length), 'base64')
  for (let bit = 0; bit < mac.length * 8; bit++) {
    const changed = Buffer.from(mac)
    changed[bit >> 3]! ^= 1 << (bit & 7)
    const other = `v1,${changed.toString('base64')}`
    if (accepts(key, request.id, request.timestamp, request.body, other)) t.fail(`signature ${bit}`)
  }
})

t.test('with two keys there are two signatures, and who has either key accepts', async t => {
  const keys = [newKey(), newKey()]
  const [id, timestamp, body] = ['a', now(), 'b=c']
  const signed = signature(keys.map(keyOf), id, timestamp, body)
  t.equal(signed, keys.map(key => signature([keyOf(key)], id, timestamp, body)).join(' '))
  for (const key of keys) t.ok(accepts(key, id, timestamp, body, signed))
  t.notOk(accepts(newKey(), id, timestamp, body, signed))
})

t.test('an ed25519 key signs as v1a, beside a secret; who has the public key alone verifies', async t => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const secret = newKey()
  const [id, timestamp, body] = ['a', now(), 'b=c']
  const signed = signature([keyOf(secret), privateKey], id, timestamp, body)
  const [, mac = '', text = ''] = signed.match(/^(v1,\S+) v1a,([A-Za-z0-9+/]{86}==)$/) ?? []
  t.ok(accepts(secret, id, timestamp, body, mac))
  // WebCrypto, and not the module that signed.
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
  const key = await webcrypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify'])
  const fits = (of: string) =>
    webcrypto.subtle.verify('Ed25519', key, Buffer.from(text, 'base64'), Buffer.from(`a.${timestamp}.${of}`))
  t.equal(await fits(body), true)
  t.equal(await fits('b=d'), false)
})

t.test('a POST is signed over the bytes that arrive, with its own timestamp, and so is the next attempt', async t => {
  const server = await rawServer(t, async line => {
    while (await line.request()) line.answer('200 OK')
  })
  const bytes = randomBytes(32)
  const { post } = stage(t, { signingKeys: [createSecretKey(bytes)], headers: ['x-tenant', 'a'] })
  const form = '{"flowId":9007199254740993,"x":["a b","é"],"2":1.50,"message":"失败 😀"}'
  for (const attempt of [1, 2]) t.equal((await post(server.url, { form, attempt })).kind, 'delivered')
  t.equal(server.requests.length, 2)
  for (const request of server.requests) {
    const [head = '', body = ''] = request.split('\r\n\r\n')
    const header = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(head.replaceAll('\r', ''))?.[1] ?? ''
    const signed = `${header('webhook-id')}.${header('webhook-timestamp')}.${body}`
    t.match(body, /^flowId=9007199254740993&x=a\+b&x=%C3%A9&2=1\.50&message=%E5/)
    t.equal(header('webhook-signature'), `v1,${createHmac('sha256', bytes).update(signed).digest('base64')}`)
  }
})

t.test('the signature of JSON is over the bytes that arrive, too', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  const bytes = randomBytes(32)
  const form = '{"message": "失败 😀"}'
  await stage(t, { signingKeys: [createSecretKey(bytes)], body: 'json' }).post(server.url, { form })
  const [, id, timestamp] = server.requests[0]?.match(/^webhook-id: (\S+)\r\n.*^webhook-timestamp: (\d+)\r\n/ms) ?? []
  const body = Buffer.from(server.requests[0]?.split('\r\n\r\n')[1] ?? '', 'latin1')
  const mac = createHmac('sha256', bytes).update(`${id}.${timestamp}.`).update(body).digest('base64')
  t.match(server.requests[0], `webhook-signature: v1,${mac}\r\n`)
})

t.test('without a key there is no such header', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  t.equal((await stage(t).post(server.url)).kind, 'delivered')
  t.notMatch(server.requests[0], 'webhook-signature')
})
