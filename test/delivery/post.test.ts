import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { decide } from '../../src/policy/decision.ts'
import type { Line } from './raw-server.ts'
import { claimOf, rawServer, stage } from './stage.ts'

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

t.test('the bytes on the wire are exactly these, once', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK', 'thanks')
  })
  const before = Math.floor(Date.now() / 1_000)
  const outcome = await stage(t).post(server.url, {
    attempt: 4,
    traceparent: TRACE,
    form: '{"flowId":9007199254740993,"x":["a b","é"],"2":1.50,"1":null}',
  })
  t.match(outcome, { kind: 'delivered', httpStatus: 200, error: null, responseExcerpt: null, retryAfterMs: null })
  t.ok(outcome.finishedAtMs > outcome.startedAtMs)
  t.equal(server.requests.length, 1)
  const request = server.requests[0] ?? ''
  const timestamp = /webhook-timestamp: (\d+)/.exec(request)?.[1]
  t.ok(Number(timestamp) >= before && Number(timestamp) <= Date.now() / 1_000, 'the timestamp is of this attempt')
  const body = 'flowId=9007199254740993&x=a+b&x=%C3%A9&2=1.50'
  t.equal(
    request,
    [
      'POST /hook?a=1 HTTP/1.1',
      `host: ${server.host}`,
      'connection: keep-alive',
      'content-type: application/x-www-form-urlencoded; charset=UTF-8',
      'webhook-id: 0190c2f4-0000-7000-8000-000000000001',
      'idempotency-key: 0190c2f4-0000-7000-8000-000000000001',
      'webhook-attempt: 4',
      `webhook-timestamp: ${timestamp}`,
      'user-agent: Ringback/0.0.0-test',
      'accept: */*',
      `traceparent: ${TRACE}`,
      `content-length: ${body.length}`,
      '',
      body,
    ].join('\r\n'),
  )
})

t.test('a receiver of JSON gets the form byte for byte as the producer wrote it', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  const form = '{ "flowId":9007199254740993,"2":1.50,\n"1":null, "message":"\\u5931败 😀", "1":[true] }'
  t.equal((await stage(t, { body: 'json' }).post(server.url, { form })).kind, 'delivered')
  const [head = '', body = ''] = server.requests[0]?.split('\r\n\r\n') ?? []
  t.equal(Buffer.from(body, 'latin1').toString(), form)
  t.match(head, `\r\ncontent-type: application/json\r\nwebhook-id: `)
  t.match(head, `\r\ncontent-length: ${Buffer.byteLength(form)}`)
})

t.test('what its destination adds stands behind our own headers, letter by letter', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  const headers = Object.freeze(['authorization', 'Bearer a b', 'x-tenant', 'caf\u00e9'])
  const { post } = stage(t, { headers })
  t.equal((await post(server.url, { traceparent: TRACE })).kind, 'delivered')
  t.match(server.requests[0], `traceparent: ${TRACE}\r\nauthorization: Bearer a b\r\nx-tenant: caf\u00e9\r\n`)
})

t.test('accept: */* is sent, unless the destination names another', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK', '', 'connection: close\r\n')
  })
  t.equal((await stage(t).post(server.url)).kind, 'delivered')
  const headers = ['x-accept', 'accept', 'accept', 'application/json']
  t.equal((await stage(t, { headers }).post(server.url)).kind, 'delivered')
  const accepted = server.requests.map(request => request.match(/^accept: .*$/gm))
  t.same(accepted, [['accept: */*'], ['accept: application/json']])
})

t.test('a Retry-After in two lines, with a fraction, is read', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('503 Busy', '', 'Retry-After: 120.0\r\nretry-after: 120\r\n')
  })
  t.match(await stage(t).post(server.url), { kind: 'failed', httpStatus: 503, retryAfterMs: 120_000 })
})

t.test('an origin has its own deadline and headers, asked for as URL.origin writes it', async t => {
  const servers = [await rawServer(t, answerOrHang), await rawServer(t, answerOrHang)]
  const asked: string[] = []
  const settingsOf = (origin: string) => {
    asked.push(origin)
    const own = origin.endsWith(servers[0]?.host ?? '')
    return {
      deadlineMs: own ? 100 : 20_000,
      headers: own ? ['x-do', 'hang'] : [],
      retry: [],
      success: null,
      signingKeys: [],
      body: 'form' as const,
    }
  }
  const { post } = stage(t, { settingsOf })
  t.match(await post(`HTTP://${servers[0]?.host}/`), { kind: 'unknown', error: 'no answer within 100 ms' })
  t.match(await post(`http://${servers[1]?.host}/`), { kind: 'delivered' })
  t.same(
    asked,
    servers.map(({ host }) => `http://${host}`),
  )
})

async function answerOrHang(line: Line): Promise<void> {
  if (!(await line.request()).includes('x-do: hang')) line.answer('200 OK')
}

t.test('an empty form is an empty body with content-length: 0', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  const outcome = await stage(t).post(server.url, { form: '{}' })
  t.match(outcome, { kind: 'delivered', responseExcerpt: null })
  t.match(server.requests[0], /content-length: 0\r\n\r\n$/)
})

t.test('a body of 64 KiB arrives whole', async t => {
  const form = `{"m":"${'x'.repeat(65_528)}"}`
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  t.equal((await stage(t).post(server.url, { form })).kind, 'delivered')
  t.ok(server.requests[0]?.endsWith(`\r\n\r\nm=${'x'.repeat(65_528)}`))
})

t.test('each status becomes its outcome, with words to act upon', async t => {
  const server = await rawServer(t, async line => {
    for (;;) {
      const request = await line.request()
      line.answer(/POST \/(.*) HTTP/.exec(request)?.[1]?.replaceAll('%20', ' ') ?? '500 ?')
    }
  })
  const { post } = stage(t)
  const at = (line: string) => post(`http://${server.host}/${line}`)
  t.match(await at('204 No Content'), { kind: 'delivered', httpStatus: 204, error: null, responseExcerpt: null })
  t.match(await at('410 Gone'), { kind: 'rejected', httpStatus: 410, error: 'HTTP 410 Gone' })
  t.match(await at('404 Nope'), { kind: 'rejected', httpStatus: 404, error: 'HTTP 404 Not Found' })
  t.match(await at('408 Late'), { kind: 'failed', httpStatus: 408, error: 'HTTP 408 Request Timeout' })
  t.match(await at('503 Busy'), { kind: 'failed', httpStatus: 503, error: 'HTTP 503 Service Unavailable' })
  t.match(await at('999 What'), { kind: 'failed', httpStatus: 999, error: 'HTTP 999' })
  t.equal(server.lines.length, 1, 'all over one connection')
})

t.test('a 429 carries the wait that the receiver asked for', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('429 Slow', '', 'Retry-After: 7\r\n')
  })
  t.match(await stage(t).post(server.url), { kind: 'failed', httpStatus: 429, retryAfterMs: 7_000 })
})

t.test('a redirect is not followed, and only the origin of its target is told', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('302 Found', '', 'Location: http://169.254.169.254/latest?token=s3cret\r\n')
  })
  t.match(await stage(t).post(server.url), {
    kind: 'failed',
    httpStatus: 302,
    error: 'HTTP 302 Found: redirects are never followed (to http://169.254.169.254)',
  })
  t.equal(server.requests.length, 1)
})

t.test('a redirect within its origin says that the origin is not what is wrong', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('308 Permanent Redirect', '', 'Location: /hook/\r\n')
  })
  const error = 'HTTP 308 Permanent Redirect: redirects are never followed (to another URL of this origin)'
  t.match(await stage(t).post(server.url), { kind: 'failed', httpStatus: 308, error })
})

t.test('two answers in one breath: the first counts, and the connection is not used again', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 500 A\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  const { post } = stage(t)
  t.match(await post(server.url), { kind: 'failed', httpStatus: 500 })
  t.match(await post(server.url), { kind: 'failed', httpStatus: 500 })
  t.equal(server.lines.length, 2)
})

t.test('a compressed answer is neither unpacked nor kept; without a body there is nothing to say of it', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('500 Oops', '\x1f\x0b', 'content-encoding: GZIP\r\n')
    await line.request()
    line.answer('500 Oops', '', 'content-encoding: gzip\r\n')
    await line.request()
    line.answer('500 Oops', 'plain', 'content-encoding: identity\r\n')
    await line.request()
    line.answer('500 Oops', '?', 'content-encoding: no such\r\n')
  })
  const { post } = stage(t)
  t.match(await post(server.url), { kind: 'failed', responseExcerpt: '(not kept: content-encoding gzip)' })
  t.match(await post(server.url), { responseExcerpt: null })
  t.match(await post(server.url), { responseExcerpt: 'plain' })
  t.match(await post(server.url), { responseExcerpt: '(not kept: content-encoding unknown)' })
})

t.test('what one origin refuses for good another may have tried again', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('404 Nope')
  })
  t.match(await stage(t).post(server.url), { kind: 'rejected', error: 'HTTP 404 Not Found' })
  const { post } = stage(t, { retry: [409, 404] })
  t.match(await post(server.url), { kind: 'failed', httpStatus: 404, error: 'HTTP 404 Not Found' })
})

t.test('an excerpt ends at its limit and loses its NULs', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('500 Oops', `\0${'é'.repeat(40)}`)
  })
  t.equal((await stage(t, { excerptBytes: 10 }).post(server.url)).responseExcerpt, 'éééé')
  t.equal((await stage(t, { excerptBytes: 0 }).post(server.url)).responseExcerpt, null)
})

t.test('in place of an answer that is not to be kept stands why', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('500 Oops', 'secret')
  })
  const asked: unknown[] = []
  const { post } = stage(t, {
    whyUnkept: ({ href }, { address }) => {
      asked.push(href, address)
      return 'it is private'
    },
  })
  t.equal((await post(server.url)).responseExcerpt, '(not kept: it is private)')
  t.same(asked, [server.url, '127.0.0.1'])
})

t.test("node's own server takes it for a form", async t => {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.writeHead(500).end(new URLSearchParams(body).get('message'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  t.match(await stage(t).post(url, { form: '{"message":"内存不足 😀"}' }), { responseExcerpt: '内存不足 😀' })
})

t.test('what cannot be sent never reaches for a connection, and is dead at once', async t => {
  const connect = () => t.fail('connected')
  const { post } = stage(t, {}, { connect })
  for (const url of [
    '',
    'no url',
    'ftp://example.test/',
    'http://',
    // Node 24 takes it for a name, and looks it up in vain.
    ...(URL.canParse('http://xn--a/') ? [] : ['http://xn--a/']),
    'http://10.0.0.256/',
    'http://[1:2]/',
  ]) {
    const outcome = await post(url)
    t.match(outcome, { kind: 'rejected', error: /^the url cannot be called/, httpStatus: null }, url)
    const policy = {
      baseMs: 1,
      capMs: 1,
      retryAfterCapMs: 1,
      settingsOf: () => ({ maxAttempts: 12, unknown: 'resend' as const }),
    } as const
    t.match(
      decide(claimOf(url), outcome, policy, Math.random),
      { status: 'dead', reason: /the url cannot be called/ },
      url,
    )
    t.equal(outcome.isAborted, undefined, 'neither a stop nor a lost lease')
  }
  t.match(await post('http://example.test/', { form: '{"a":{}}' }), {
    kind: 'rejected',
    error: /^form: field "a": a nested object/,
  })
})

t.test('a traceparent that its receiver would have to ignore is left out', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK', '', 'connection: close\r\n')
  })
  for (const traceparent of ['b3-of-old', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, 'a\r\nx-evil: 1'])
    t.equal((await stage(t).post(server.url, { traceparent })).kind, 'delivered')
  t.equal(server.requests.length, 3)
  for (const request of server.requests) t.notMatch(request, /traceparent|evil/)
})

t.test('a header that would break the request is refused before anything is written', async t => {
  const server = await rawServer(t, () => {})
  const outcome = await stage(t).post(server.url, { messageId: 'a\r\nx-evil: 1' })
  t.match(outcome, { kind: 'not_sent', error: /^request refused: invalid webhook-id header/ })
  t.equal(server.bytes, 0)
})

t.test('claims are told apart when asked whether they may start', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  const asked: string[] = []
  const mayStart = ({ id }: { id: string }) => asked.push(id) > 0
  await stage(t, { mayStart }).post(server.url)
  t.same(asked, [claimOf('').id])
})
