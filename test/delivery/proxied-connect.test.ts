import assert from 'node:assert/strict'
import { createSecureContext } from 'node:tls'
import t, { type Test } from 'tap'
import { AddressPolicy, type AddressPolicyOptions } from '../../src/delivery/address-policy.ts'
import { proxiedConnect } from '../../src/delivery/proxied-connect.ts'
import type { ProxySettings } from '../../src/policy/destinations.ts'
import { connectProxy } from '../fixtures/connect-proxy.ts'
import { eventually } from '../fixtures/eventually.ts'
import { ca, proxy as certified, client, secureServer } from '../fixtures/tls.ts'
import type { Line } from './raw-server.ts'
import { rawServer, type Stage, signal, stage } from './stage.ts'

interface Given extends Partial<AddressPolicyOptions> {
  readonly proxy: string
  readonly authorization?: string
  readonly proxyTls?: ProxySettings['tls']
  readonly timeoutMs?: number
}

/** POSTs through a proxy, trusting the test's authority. */
function poster(t: Test, { proxy, authorization, proxyTls, timeoutMs = 5_000, allow = [], deny = [] }: Given): Stage {
  const policy = new AddressPolicy({ allow, deny, database: () => null })
  const settings = {
    tls: createSecureContext({ ca, ...client }),
    proxy: { url: new URL(proxy), authorization: authorization ?? null, tls: proxyTls ?? null },
  }
  return stage(t, {}, { connect: proxiedConnect(policy, () => settings, timeoutMs) })
}

async function answerAll(line: Line): Promise<void> {
  for (;;) {
    await line.request()
    line.answer('200 OK')
  }
}

/** The same port under a name that only the proxy can look up. */
function named({ host }: { readonly host: string }): string {
  return `http://${host.replace('127.0.0.1', 'crm.invalid')}/hook`
}

t.test(
  'a POST goes through a tunnel, to a name that is not looked up here, and its connection is used again',
  async t => {
    const server = await rawServer(t, answerAll)
    const proxy = await connectProxy(t)
    const { post } = poster(t, { proxy: `http://${proxy.host}` })
    for (const _ of [1, 2]) t.match(await post(named(server)), { kind: 'delivered' })
    const { host } = new URL(named(server))
    t.match(proxy.asked, [{ authority: host, headers: { host, 'proxy-authorization': undefined } }])
    t.match(server.requests, [/^POST \/hook HTTP\/1\.1\r\nhost: crm\.invalid:/i, /^POST \/hook/])
  },
)

t.test('credentials are shown to the proxy, and to nobody behind it', async t => {
  const server = await rawServer(t, answerAll)
  const authorization = 'Basic cmluZ2JhY2s6Y2FuYXJ5'
  const proxy = await connectProxy(t, { wants: authorization })
  t.match(await poster(t, { proxy: `http://${proxy.host}`, authorization }).post(named(server)), { kind: 'delivered' })
  t.match(proxy.asked, [{ headers: { 'proxy-authorization': authorization } }])
  t.notMatch(server.requests.join(), /proxy|cmluZ2JhY2s6Y2FuYXJ5/i)
})

t.test('over https: TLS is with the target, by its own settings, and the proxy sees nothing of it', async t => {
  const server = await secureServer(t, { ca, requestCert: true })
  const proxy = await connectProxy(t)
  t.match(await poster(t, { proxy: `http://${proxy.host}` }).post(server.url), { kind: 'delivered' })
  t.match(server.requests, [{ from: 'client' }])
  t.match(proxy.asked, [{ authority: `receiver.example:${server.port}` }])
  t.ok(proxy.passed().length > 0)
  t.notMatch(proxy.passed(), /POST|webhook|flowId/i)
})

t.test("the certificate must be the target's, and nothing is sent without it", async t => {
  const server = await secureServer(t)
  const proxy = await connectProxy(t)
  const { post } = poster(t, { proxy: `http://${proxy.host}` })
  t.match(await post(`https://other.example:${server.port}/`), {
    kind: 'not_sent',
    error: /^TLS failed: other\.example:\d+: .* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  })
  t.same(server.requests, [])
  await eventually(() => assert.equal(proxy.open(), 0))
})

t.test('a proxy is reached over TLS, with that of the target inside', async t => {
  const proxy = await connectProxy(t, { secure: true })
  const url = `https://localhost:${proxy.port}`
  const { origins, post } = poster(t, { proxy: url, proxyTls: createSecureContext({ ca: certified.cert }) })
  const plain = await rawServer(t, answerAll)
  const secure = await secureServer(t)
  for (const target of [named(plain), secure.url]) t.match(await post(target), { kind: 'delivered' })
  t.equal(plain.requests.length + secure.requests.length, 2)
  await origins.close()
  await eventually(() => assert.equal(proxy.open(), 0))
})

t.test('a proxy that nobody vouches for, or that has another name, is asked for nothing', async t => {
  const proxy = await connectProxy(t, { secure: true })
  const server = await rawServer(t, answerAll)
  const unknown = poster(t, { proxy: `https://localhost:${proxy.port}` })
  t.match(await unknown.post(named(server)), {
    kind: 'not_sent',
    error: /^proxy failed: TLS failed: localhost:\d+: .* \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
  })
  const other = poster(t, { proxy: `https://${proxy.host}`, proxyTls: createSecureContext({ ca: certified.cert }) })
  t.match(await other.post(named(server)), {
    kind: 'not_sent',
    error: /^proxy failed: TLS failed: 127\.0\.0\.1:\d+: .* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  })
  t.same([...proxy.asked, ...server.lines], [])
})

t.test('whatever a proxy answers instead of a tunnel, nothing was sent, and its words are not repeated', async t => {
  const server = await rawServer(t, answerAll)
  const authorization = 'Basic cmluZ2JhY2s6Y2FuYXJ5'
  const answers: [status: number, words: string][] = [
    [403, 'HTTP 403 Forbidden'],
    [407, 'HTTP 407 Proxy Authentication Required'],
    [502, 'HTTP 502 Bad Gateway'],
    [302, 'HTTP 302 Found'],
    [599, 'HTTP 599'],
  ]
  for (const [status, words] of answers) {
    const proxy = await connectProxy(t, { status })
    t.match(await poster(t, { proxy: `http://${proxy.host}`, authorization }).post(named(server)), {
      kind: 'not_sent',
      httpStatus: null,
      error: `proxy failed: ${words}: ${proxy.host}`,
      responseExcerpt: null,
    })
  }
  t.equal(server.lines.length, 0)
})

t.test('a proxy that is no proxy is told from one that is not there', async t => {
  const wrong: [says: string, error: RegExp][] = [
    ['SSH-2.0-OpenSSH_9.9\r\n', /^proxy failed: its answer is not HTTP\/1\.1: HOST \(HPE_\w+\)$/],
    [`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`, /^proxy failed: its answer's headers are too large: HOST /],
    ['HTTP/1.1 200 OK\r\n', /^proxy failed: connection reset before its answer: HOST \(ECONNRESET\)$/],
    ['', /^proxy failed: connection reset before its answer: HOST \(ECONNRESET\)$/],
    ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n', /^proxy failed: HTTP 100 Continue: HOST$/],
  ]
  for (const [says, error] of wrong) {
    const proxy = await rawServer(t, async line => {
      await line.request()
      line.socket.end(says)
    })
    const outcome = await poster(t, { proxy: `http://${proxy.host}` }).post('http://crm.invalid/')
    t.match(
      outcome,
      { kind: 'not_sent', error: new RegExp(error.source.replace('HOST', proxy.host)) },
      says.slice(0, 30),
    )
    await proxy.quiet()
  }
  t.match(await poster(t, { proxy: 'http://127.0.0.1:1' }).post('http://crm.invalid/'), {
    kind: 'not_sent',
    error: 'proxy failed: connect refused: 127.0.0.1:1 (ECONNREFUSED)',
  })
  t.match(await poster(t, { proxy: 'http://proxy.invalid' }).post('http://crm.invalid/'), {
    kind: 'not_sent',
    error: /^proxy failed: name (not found|lookup failed): proxy\.invalid \(E\w+\)$/,
  })
})

t.test('one time limit covers the proxy and TLS with the target, and leaves nothing open', async t => {
  const silent = await rawServer(t, line => line.request().then(() => {}))
  const still = poster(t, { proxy: `http://${silent.host}`, timeoutMs: 50 })
  t.match(await still.post('http://crm.invalid/'), {
    kind: 'not_sent',
    error: `proxy failed: connect timed out: ${silent.host} (UND_ERR_CONNECT_TIMEOUT)`,
  })
  await silent.quiet()
  const mute = await rawServer(t, () => {})
  const proxy = await connectProxy(t)
  const { post } = poster(t, { proxy: `http://${proxy.host}`, timeoutMs: 200 })
  const url = named(mute).replace('http:', 'https:')
  t.match(await post(url), {
    kind: 'not_sent',
    error: `connect timed out: ${new URL(url).host} (UND_ERR_CONNECT_TIMEOUT)`,
  })
  await mute.quiet()
  await eventually(() => assert.equal(proxy.open(), 0))
})

t.test('an attempt that ends while it connects leaves nothing open', async t => {
  const asked = signal()
  const silent = await rawServer(t, async line => {
    await line.request()
    asked.give()
  })
  const greeted = signal()
  const mute = await rawServer(t, line => void line.socket.once('data', () => greeted.give()))
  const proxy = await connectProxy(t)
  const ways: [proxy: string, url: string, begun: Promise<void>][] = [
    [silent.host, 'http://crm.invalid/', asked.given],
    [proxy.host, named(mute).replace('http:', 'https:'), greeted.given],
  ]
  for (const [host, url, begun] of ways) {
    const { origins, post } = poster(t, { proxy: `http://${host}`, timeoutMs: 600_000 })
    const outcome = post(url)
    await begun
    origins.abort('test')
    t.match(await outcome, { kind: 'not_sent', error: 'aborted before it was sent: test' })
  }
  await Promise.all([silent.quiet(), mute.quiet()])
})

t.test('a proxy that refuses and goes on listening is hung up on', async t => {
  const proxy = await rawServer(t, async line => {
    await line.request()
    line.answer('403 Forbidden')
  })
  const { post } = poster(t, { proxy: `http://${proxy.host}` })
  t.match(await post('http://crm.invalid/'), { kind: 'not_sent', error: /^proxy failed: HTTP 403/ })
  await proxy.quiet()
})

t.test('a target that speaks first is none, and nothing is sent to it', async t => {
  const server = await rawServer(t, answerAll)
  const proxy = await connectProxy(t, { early: 'SSH-2.0-OpenSSH_9.9\r\n' })
  t.match(await poster(t, { proxy: `http://${proxy.host}` }).post(named(server)), {
    kind: 'not_sent',
    error: `proxy failed: the target sent bytes before the request: ${proxy.host}`,
  })
  t.equal(proxy.asked.length, 1)
  t.same(server.requests, [])
})

t.test('an address is judged, and of a name what the name tells; the proxy itself is not', async t => {
  const proxy = await connectProxy(t, { status: 403 })
  const { post } = poster(t, { proxy: `http://${proxy.host}`, deny: ['*.internal.example', 'crm.example:8080'] })
  const refused: [url: string, why: string][] = [
    ['http://127.0.0.1/', '127.0.0.1 is loopback; --allow 127.0.0.1 would permit it'],
    ['http://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe at 169.254.169.254 is link-local'],
    ['https://[::1]:8443/', '::1 is loopback; --allow ::1 would permit it'],
    ['http://localhost:8080/', 'localhost at 127.0.0.1 is loopback; --allow 127.0.0.1 would permit it'],
    ['http://db.localhost./', 'db.localhost at 127.0.0.1 is loopback; --allow 127.0.0.1 would permit it'],
    ['https://a.internal.example/', 'a.internal.example is in --deny *.internal.example'],
    ['http://crm.example:8080/', 'crm.example is in --deny crm.example:8080'],
  ]
  for (const [url, why] of refused) {
    const outcome = await post(url)
    t.match(outcome, { kind: 'rejected' }, url)
    t.ok(outcome.error?.startsWith(`address refused: ${why}`), outcome.error ?? '')
  }
  t.same(proxy.asked, [])
  for (const url of ['http://10.1.2.3/', 'https://[fd00::1]/', 'http://crm.example/'])
    t.match(await post(url), { kind: 'not_sent', error: /^proxy failed: HTTP 403/ })
  t.same(
    proxy.asked.map(({ authority }) => authority),
    ['10.1.2.3:80', '[fd00::1]:443', 'crm.example:80'],
  )
})

t.test('where a rule names no proxy, there is none', async t => {
  const server = await rawServer(t, answerAll)
  const policy = new AddressPolicy({ allow: ['127.0.0.1'], deny: [], database: () => null })
  const { post } = stage(t, {}, { connect: proxiedConnect(policy, () => ({ tls: null, proxy: null }), 5_000) })
  t.match(await post(server.url), { kind: 'delivered' })
})
