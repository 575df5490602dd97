import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { AddressPolicy } from '../../src/delivery/address-policy.ts'
import { type Connect, directConnect } from '../../src/delivery/connection.ts'
import { guardedConnect } from '../../src/delivery/guarded-connect.ts'
import { Resolver } from '../../src/delivery/resolver.ts'
import type { Line } from './raw-server.ts'
import { rawServer, signal, stage } from './stage.ts'

t.test('no more connections than allowed to one origin; the rest wait their turn', async t => {
  const gate = signal()
  const server = await rawServer(t, line => answerAll(line, gate.given))
  const { post } = stage(t, {}, { connectionsOf: () => 2 })
  const posted = Array.from({ length: 6 }, () => post(server.url))
  await server.received(2)
  gate.give()
  for (const outcome of await Promise.all(posted)) t.equal(outcome.kind, 'delivered')
  t.equal(server.lines.length, 2)
})

t.test('each origin has as many connections as are allowed to it', async t => {
  const gate = signal()
  const servers = [await rawServer(t, line => answerAll(line, gate.given))]
  servers.push(await rawServer(t, line => answerAll(line, gate.given)))
  const connectionsOf = (origin: string) => (origin === `http://${servers[0]?.host}` ? 1 : 3)
  const { post } = stage(t, {}, { connectionsOf })
  const posted = servers.flatMap(({ url }) => Array.from({ length: 4 }, () => post(url)))
  await Promise.all([servers[0]?.received(1), servers[1]?.received(3)])
  gate.give()
  for (const outcome of await Promise.all(posted)) t.equal(outcome.kind, 'delivered')
  t.same(
    servers.map(({ lines }) => lines.length),
    [1, 3],
  )
})

t.test('who waits for a connection beyond the deadline is not sent, and those behind are served', async t => {
  const gate = signal()
  const server = await rawServer(t, line => answerAll(line, gate.given))
  const patient = stage(t, {}, { connectionsOf: () => 1 })
  const hasty = stage(t, { pool: patient.origins, deadlineMs: 50 })
  const first = patient.post(server.url)
  const second = hasty.post(server.url)
  const third = patient.post(server.url)
  t.match(await second, { kind: 'not_sent', error: 'no connection within 50 ms' })
  gate.give()
  t.equal((await first).kind, 'delivered')
  t.equal((await third).kind, 'delivered')
  t.equal(server.requests.length, 2)
})

t.test('a failed connect fails the attempt that wanted it, not those behind', async t => {
  const server = await rawServer(t, line => answerAll(line))
  let asked = 0
  const failFirst: Connect = ({ port, hostname }, callback) => {
    if (++asked === 1) return callback(new Error('not today'), null)
    const socket = connect(Number(port), hostname, () => callback(null, socket))
    return socket
  }
  const { post } = stage(t, {}, { connectionsOf: () => 1, connect: failFirst })
  const [first, second, third] = await Promise.all([post(server.url), post(server.url), post(server.url)])
  t.match(first, { kind: 'not_sent', error: /^connect failed: 127\.0\.0\.1:\d+: not today/ })
  t.equal(second?.kind, 'delivered')
  t.equal(third?.kind, 'delivered')
  t.equal(server.lines.length, 1)
})

t.test('beyond the cap of idle connections the least recently used is closed', async t => {
  const servers = [await rawServer(t, answerAll), await rawServer(t, answerAll), await rawServer(t, answerAll)]
  const { post } = stage(t, {}, { maxIdle: 2, keepAliveMs: 60_000 })
  for (const server of servers) t.equal((await post(server.url)).kind, 'delivered')
  await servers[0]?.quiet()
  t.same(
    servers.map(server => server.openLines),
    [0, 1, 1],
  )
})

t.test('an idle connection closes by itself', async t => {
  const server = await rawServer(t, answerAll)
  await stage(t, {}, { keepAliveMs: 50 }).post(server.url)
  await server.quiet()
  t.equal(server.openLines, 0)
})

t.test("a receiver's own keep-alive hint shortens the idle time", async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK', '', 'keep-alive: timeout=1\r\n')
  })
  await stage(t, {}, { keepAliveMs: 60_000 }).post(server.url)
  await server.quiet()
  t.equal(server.openLines, 0)
})

t.test('close ends what runs and what waits, refuses what comes, and leaves no socket', async t => {
  const server = await rawServer(t, async line => void (await line.request()))
  const idle = await rawServer(t, answerAll)
  const { origins, post } = stage(t, {}, { connectionsOf: () => 1 })
  t.equal((await post(idle.url)).kind, 'delivered')
  const running = post(server.url)
  const waiting = post(server.url)
  await server.received(1)
  await origins.close()
  t.match(await running, { kind: 'unknown', error: 'aborted before an answer: shut down' })
  t.match(await waiting, { kind: 'not_sent', error: 'aborted before it was sent: shut down' })
  t.match(await post(server.url), { kind: 'not_sent', error: 'aborted before it was sent: shut down' })
  await Promise.all([server.quiet(), idle.quiet()])
  t.equal(server.requests.length, 1)
})

t.test('close destroys a socket that has not connected yet', async t => {
  const opening = new Socket()
  const asked = signal()
  const connecting: Connect = () => {
    asked.give()
    return opening.on('error', () => {})
  }
  const { origins, post } = stage(t, {}, { connect: connecting })
  const posted = post('http://127.0.0.1:9/')
  await asked.given
  await origins.close()
  t.match(await posted, { kind: 'not_sent', error: 'aborted before it was sent: shut down' })
  t.ok(opening.destroyed)
})

async function answerAll(line: Line, gate: Promise<void> = Promise.resolve()): Promise<void> {
  for (;;) {
    await line.request()
    await gate
    line.answer('200 OK')
  }
}

t.test('after other settings nothing that was open is used again, and what is under way ends as it began', async t => {
  const gate = signal()
  const server = await rawServer(t, line => answerAll(line, gate.given))
  const { origins, post } = stage(t)
  const first = post(server.url)
  await server.received(1)
  origins.renew()
  gate.give()
  t.match(await first, { kind: 'delivered' })
  for (const _ of [1, 2]) t.match(await post(server.url), { kind: 'delivered' })
  t.equal(server.lines.length, 2)
  origins.renew()
  await server.quiet()
  t.match(await post(server.url), { kind: 'delivered' })
  t.equal(server.lines.length, 3)
})

/** Answers 200 at this address, and counts the requests. */
async function serverAt(t: Test, address: string, port: number) {
  const seen = { requests: 0, port: 0 }
  const server = createServer((request, response) => {
    seen.requests += 1
    request.resume().once('end', () => response.end())
  })
  server.listen(port, address)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  seen.port = (server.address() as AddressInfo).port
  return seen
}

t.test(
  'a name that leads elsewhere is noticed while traffic flows: no connection lives longer than a minute',
  async t => {
    const before = await serverAt(t, '127.0.0.1', 0)
    const after = await serverAt(t, '127.0.0.2', before.port)
    let address = '127.0.0.1'
    const resolver = new Resolver({ lookup: async () => [{ address, family: 4 }] })
    const policy = new AddressPolicy({ allow: ['127.0.0.0/8'], deny: [], database: () => null })
    const guarded = guardedConnect(policy, directConnect(5_000), { timeoutMs: 5_000, resolver })
    const { post } = stage(t, {}, { connect: guarded, lifetimeMs: 100 })
    const url = `http://moves.test:${before.port}/`
    for (let n = 0; n < 2; n++) t.match(await post(url), { kind: 'delivered' })
    address = '127.0.0.2'
    for (let n = 0; n < 5_000 && after.requests === 0; n++) t.equal((await post(url)).kind, 'delivered')
    t.equal(after.requests, 1)
  },
)
