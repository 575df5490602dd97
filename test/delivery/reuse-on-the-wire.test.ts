import t from 'tap'
import type { Line } from './raw-server.ts'
import { rawServer, stage } from './stage.ts'

t.test('one connection serves one request after the other', async t => {
  const server = await rawServer(t, answerAll)
  const { post } = stage(t)
  for (let attempt = 1; attempt <= 5; attempt++) t.equal((await post(server.url, { attempt })).kind, 'delivered')
  t.equal(server.lines.length, 1)
})

t.test('a connection that the receiver closed while idle is replaced without a trace', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
    line.socket.end()
  })
  const { origins, post } = stage(t)
  t.equal((await post(server.url)).kind, 'delivered')
  await server.quiet()
  t.equal((await post(server.url)).kind, 'delivered')
  t.equal(server.requests.length, 2)
  t.ok(origins.reusable(`http://${server.host}`), 'nothing died under a request')
})

t.test('a reused connection that dies under a request is unknown, is not sent again, and ends the reuse', async t => {
  let connections = 0
  const server = await rawServer(t, async line => {
    connections++
    await line.request()
    line.answer('200 OK')
    if (connections > 1) return
    await line.request()
    line.socket.resetAndDestroy()
  })
  const { origins, post } = stage(t)
  t.equal((await post(server.url, { attempt: 1 })).kind, 'delivered')
  const second = await post(server.url, { attempt: 2 })
  t.match(second, { kind: 'unknown', error: /^connection (reset|closed) before an answer/ })
  t.same(attemptsOf(server.requests), [1, 2], 'no hidden second send')
  t.notOk(origins.reusable(`http://${server.host}`))

  for (const attempt of [3, 4]) t.equal((await post(server.url, { attempt })).kind, 'delivered')
  t.equal(server.lines.length, 3, 'a connection for each from now on')
  t.match(server.requests[2], /connection: close/)
  await server.quiet()
})

t.test('an answer that nobody asked for ends the reuse', async t => {
  const server = await rawServer(t, answerAll)
  const { origins, post } = stage(t, {}, { keepAliveMs: 60_000 })
  t.equal((await post(server.url)).kind, 'delivered')
  server.lines[0]?.answer('200 OK')
  await server.quiet()
  t.notOk(origins.reusable(`http://${server.host}`))
})

t.test('a first request that is hung up on says nothing about reuse', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.resetAndDestroy()
  })
  const { origins, post } = stage(t)
  t.equal((await post(server.url)).kind, 'unknown')
  t.ok(origins.reusable(`http://${server.host}`))
})

t.test('closing at the moment of reuse never makes a hidden second send', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
    await new Promise(setImmediate)
    line.socket.destroy()
  })
  const { post } = stage(t, {}, { reuseLostForMs: 0 })
  const kinds: string[] = []
  for (let attempt = 1; attempt <= 200; attempt++) kinds.push((await post(server.url, { attempt })).kind)
  const arrived = attemptsOf(server.requests)
  t.equal(new Set(arrived).size, arrived.length, 'each attempt arrived once at most')
  const delivered = kinds.flatMap((kind, index) => (kind === 'delivered' ? [index + 1] : []))
  t.same(
    delivered.filter(attempt => !arrived.includes(attempt)),
    [],
    'what was called delivered arrived',
  )
})

t.test('a receiver that closes after each answer gets a connection for each', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbye')
  })
  const { post } = stage(t)
  for (let n = 0; n < 3; n++) t.equal((await post(server.url)).kind, 'delivered')
  t.equal(server.lines.length, 3)
  await server.quiet()
})

async function answerAll(line: Line): Promise<void> {
  for (;;) {
    await line.request()
    line.answer('200 OK')
  }
}

function attemptsOf(requests: readonly string[]): number[] {
  return requests.map(request => Number(/webhook-attempt: (\d+)/.exec(request)?.[1]))
}
