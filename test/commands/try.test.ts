import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connectProxy } from '../fixtures/connect-proxy.ts'
import { Receiver } from '../fixtures/receiver.ts'
import { type Ended, ringback } from '../fixtures/ringback.ts'
import { ca, secureServer } from '../fixtures/tls.ts'

async function receiverOf(t: Test): Promise<Receiver> {
  const receiver = await Receiver.start()
  t.teardown(() => receiver.close())
  return receiver
}

function tried(url: string, ...more: string[]): Promise<Ended> {
  return ringback(['try', url, '--allow', '127.0.0.1', ...more])
}

t.test('one POST is made as the relay would make it, shown as it was sent, and a 2xx ends with 0', async t => {
  const receiver = await receiverOf(t)
  const { code, out, err } = await tried(
    receiver.url('/flows?a=b'),
    '--form',
    '{"flowId": 9007199254740993, "x": ["a b", "é"]}',
  )
  t.same({ code, err }, { code: 0, err: '' })
  const [arrival, ...more] = receiver.arrivals
  t.same(more, [])
  t.equal(arrival?.body.toString(), 'flowId=9007199254740993&x=a+b&x=%C3%A9')
  t.match(
    out,
    /^guard +127\.0\.0\.1 may be reached\n +not checked: `run` also refuses the address of its own database/m,
  )
  t.match(out, /^request +POST \/flows\?a=b HTTP\/1\.1$/m)
  for (const [at, name] of (arrival?.rawHeaders ?? []).entries())
    if (at % 2 === 0) t.match(out, `${name}: ${arrival?.rawHeaders[at + 1]}\n`)
  t.match(out, /^ +flowId=9007199254740993&x=a\+b&x=%C3%A9$/m)
  t.match(out, /^answer +200 OK; \d+ ms in all\noutcome +delivered\ncallback +delivered\n$/m)
})

t.test('what a callback would become is said of other answers, which end with 1', async t => {
  const receiver = await receiverOf(t)
  const cases: readonly (readonly [status: number, said: RegExp])[] = [
    [
      404,
      /^answer +404 Not Found; \d+ ms in all\n +"no such flow"\noutcome +rejected: HTTP 404 Not Found\ncallback +dead\n/m,
    ],
    [410, /^callback +dead, and its URL on hold$/m],
    [503, /^callback +pending, tried again after some 750ms$/m],
  ]
  for (const [status, said] of cases) {
    receiver.answer = () => ({ status, body: 'no such flow' })
    const { code, out } = await tried(receiver.url('/'))
    t.equal(code, 1)
    t.match(out, said)
  }
  receiver.answer = () => 'hang'
  const late = await tried(receiver.url('/'), '--deadline', '1s', '--connect-timeout', '1s')
  t.match(late, { code: 1, out: /^answer +none; \d+ ms in all\noutcome +unknown: no answer within 1000 ms$/m })
})

t.test('an address that is refused is told with the remedy, and nothing is sent', async t => {
  const receiver = await receiverOf(t)
  const url = `http://localhost:${receiver.port}/`
  const { code, out } = await ringback(['try', url])
  t.equal(code, 1)
  t.match(out, /^guard +localhost at \S+ is loopback; --allow \S+ would permit it$/m)
  t.match(out, /^callback +dead$/m)
  t.equal(receiver.connections, 0)
})

t.test('the rule that holds is named; neither its headers nor its key is shown', async t => {
  const receiver = await receiverOf(t)
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const rule = {
    match: new URL(receiver.url()).origin,
    rate: '5/s',
    headers: { 'x-token': 'hunter2' },
    sign: { file: 'key' },
  }
  const folder = t.testdir({ key: secret, 'relay.json': JSON.stringify({ origins: [rule] }) })
  chmodSync(join(folder, 'key'), 0o600)
  const { code, out, err } = await tried(receiver.url('/'), '--config', join(folder, 'relay.json'))
  t.same({ code, err }, { code: 0, err: '' })
  t.match(out, new RegExp(`^rule +match: ${rule.match}, of .*relay\\.json$`, 'm'))
  t.match(out, /^settings +.* 5 a second, .* 1 headers, signed with 1 key$/m)
  t.match(out, /^ +x-token: \(not shown\)$/m)
  t.match(out, /^ +webhook-signature: v1,/m)
  t.equal(receiver.arrivals[0]?.headers['x-token'], 'hunter2')
  for (const each of ['hunter2', secret]) t.notOk(out.includes(each))
})

t.test('what the rule asks of an answer is shown, and what becomes of one that is no success', async t => {
  const receiver = await receiverOf(t)
  receiver.answer = () => ({ status: 200, body: '{"code": 500}' })
  const rule = { match: new URL(receiver.url()).origin, success: { body: { json: '/code', equals: [0, 200] } } }
  const folder = t.testdir({ 'relay.json': JSON.stringify({ origins: [rule] }) })
  const { code, out } = await tried(receiver.url('/'), '--config', join(folder, 'relay.json'))
  t.equal(code, 1)
  t.match(out, /^success +2xx, and \/code is 0 or 200; else failed$/m)
  t.match(out, /^answer +200 OK; \d+ ms in all\n +"{\\"code\\": 500}"\n/m)
  t.match(out, /^outcome +failed: answered 200, but \/code is 500, not 0 or 200\ncallback +pending/m)
})

t.test('what a receiver of JSON gets is shown as it was sent', async t => {
  const receiver = await receiverOf(t)
  const rule = { match: new URL(receiver.url()).origin, body: 'json' }
  const folder = t.testdir({ 'relay.json': JSON.stringify({ origins: [rule] }) })
  const form = '{"flowId": 9007199254740993, "message": "失败"}'
  const { code, out } = await tried(receiver.url('/'), '--config', join(folder, 'relay.json'), '--form', form)
  t.equal(code, 0)
  t.equal(receiver.arrivals[0]?.body.toString(), form)
  t.match(out, /^settings +.*, sent as JSON, not signed$/m)
  t.match(out, /^ +content-type: application\/json$/m)
  t.ok(out.includes(` ${form}\n`))
})

t.test('through a proxy, over TLS: the certificate, and for how long it holds', async t => {
  const server = await secureServer(t)
  const proxy = await connectProxy(t)
  const rule = { match: '*', proxy: `http://127.0.0.1:${proxy.port}`, tls: { ca: 'ca.pem' } }
  const folder = t.testdir({ 'ca.pem': ca, 'relay.json': JSON.stringify({ origins: [rule] }) })
  const { code, out } = await tried(server.url, '--config', join(folder, 'relay.json'))
  t.equal(code, 0)
  t.match(out, new RegExp(`^proxy +127\\.0\\.0\\.1:${proxy.port}, which looks the name up$`, 'm'))
  t.match(out, /^tls +TLSv1\.3, .+ by .+, \d+ days left$/m)
})

t.test('what is no URL and what is no form are wrong usage', async t => {
  t.match(await ringback(['try', 'crm.example']), {
    code: 2,
    err: /expected an absolute http: or https: URL .*; got "crm\.example"/,
  })
  t.match(await ringback(['try', 'http://u:hunter2@crm.example']), { code: 2, err: /without user:password/ })
  t.match(await ringback(['try', 'https://crm.example/', '--form', '{"a": {}}']), {
    code: 2,
    err: /--form \(flag\): expected a flat JSON object, .*: field "a": a nested object cannot be sent; .*; got "/,
  })
})
