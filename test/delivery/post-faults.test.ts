import { once } from 'node:events'
import { createServer } from 'node:net'
import t from 'tap'
import { type Connect, directConnect } from '../../src/delivery/connection.ts'
import type { Line } from './raw-server.ts'
import { rawServer, signal, stage } from './stage.ts'

t.test('a receiver that hangs is given up at the deadline, as unknown', async t => {
  const server = await rawServer(t, async line => void (await line.request()))
  const outcome = await stage(t, { deadlineMs: 300 }).post(server.url)
  t.match(outcome, { kind: 'unknown', httpStatus: null, error: 'no answer within 300 ms' })
  await server.quiet()
  t.equal(server.requests.length, 1)
  t.equal(server.lines.length, 1, 'and nothing reconnects for a request that was given up')
})

t.test('a reset before the answer is unknown', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.resetAndDestroy()
  })
  const outcome = await stage(t).post(server.url)
  t.match(outcome, { kind: 'unknown', error: /^connection reset before an answer \(ECONNRESET\) after \d+ ms$/ })
  t.equal(server.requests.length, 1)
})

t.test('a half close before the answer is unknown', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.end()
  })
  const outcome = await stage(t).post(server.url)
  t.match(outcome, { kind: 'unknown', error: /^connection closed before an answer \(UND_ERR_SOCKET\)/ })
  t.equal(server.requests.length, 1)
})

t.test('headers that drip past the deadline are no answer', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 200 OK\r\n')
    drip(line, n => `x-${n}: y\r\n`)
  })
  t.match(await stage(t, { deadlineMs: 400 }).post(server.url), { kind: 'unknown', error: 'no answer within 400 ms' })
  await server.quiet()
})

t.test('1xx for ever do not extend the deadline', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    drip(line, () => 'HTTP/1.1 102 Processing\r\n\r\n')
  })
  t.match(await stage(t, { deadlineMs: 400 }).post(server.url), { kind: 'unknown', error: 'no answer within 400 ms' })
  await server.quiet()
})

t.test('1xx before the answer are passed over', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n')
    line.answer('201 Created')
  })
  t.match(await stage(t).post(server.url), { kind: 'delivered', httpStatus: 201, retryAfterMs: null })
})

t.test('a body that drips past the deadline does not undo the 2xx', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
    drip(line, () => 'x')
  })
  const outcome = await stage(t, { deadlineMs: 400 }).post(server.url)
  t.match(outcome, { kind: 'delivered', httpStatus: 200, error: null })
  await server.quiet()
})

t.test('a body that breaks off does not undo the status', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nhalf')
    line.socket.end()
  })
  const outcome = await stage(t).post(server.url)
  t.match(outcome, { kind: 'failed', httpStatus: 500, error: /^HTTP 500/, responseExcerpt: 'half' })
})

for (const status of [200, 500])
  t.test(
    `an answer ${status} whose body is shorter than its Content-Length gives its key back long before the deadline`,
    async t => {
      const server = await rawServer(t, async line => {
        await line.request()
        line.socket.write(`HTTP/1.1 ${status} Short\r\ncontent-length: 100\r\n\r\nshort`)
      })
      const outcome = await stage(t, { deadlineMs: 86_400_000 }).post(server.url)
      t.match(outcome, { httpStatus: status, responseExcerpt: status === 200 ? null : 'short' })
      await server.quiet()
    },
  )

for (const [status, kind, responseExcerpt] of [
  [200, 'delivered', null],
  [500, 'failed', 'z'.repeat(1_024)],
] as const)
  t.test(`an endless body of an answer ${status} is read up to a cap, then the connection is dropped`, async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      line.socket.write(`HTTP/1.1 ${status} Endless\r\ntransfer-encoding: chunked\r\n\r\n`)
      const chunk = `4000\r\n${'z'.repeat(0x4000)}\r\n`
      while (!line.socket.destroyed) if (!line.socket.write(chunk)) await once(line.socket, 'drain').catch(() => {})
    })
    const outcome = await stage(t).post(server.url)
    t.match(outcome, { kind, responseExcerpt })
    await server.quiet()
  })

t.test('of a head beyond 64 KiB the status counts, and nothing behind it is read', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write(`HTTP/1.1 429 Slow\r\nretry-after: 7\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(90)}\r\nbody`)
  })
  const outcome = await stage(t).post(server.url)
  t.match(outcome, { kind: 'failed', httpStatus: 429, retryAfterMs: 7_000, responseExcerpt: null })
  await server.quiet()
})

t.test('nor do headers that are read cost the status, however long they are', async t => {
  for (const length of [40_000, 65_440]) {
    const server = await rawServer(t, async line => {
      await line.request()
      line.socket.end(`HTTP/1.1 204\r\n${`location:${'x'.repeat(length)}\r\n`.repeat(2)}x: y\r\n\r\n`)
    })
    t.match(await stage(t).post(server.url), { kind: 'delivered', httpStatus: 204 }, `${length} bytes`)
  }
})

t.test('a 1xx with a head beyond 64 KiB is no answer', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write(`HTTP/1.1 103 Hints\r\n${`x: ${'y'.repeat(1_000)}\r\n`.repeat(90)}\r\n`)
  })
  t.match(await stage(t).post(server.url), { kind: 'unknown', error: /^the answer's headers are too large/ })
  await server.quiet()
})

t.test('1xx without a pause are no answer once they are as long as the longest head', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    const interim = 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000)
    while (!line.socket.destroyed) if (!line.socket.write(interim)) await once(line.socket, 'drain').catch(() => {})
  })
  t.match(await stage(t).post(server.url), { kind: 'unknown', error: /^the answer's headers are too large/ })
  await server.quiet()
})

t.test('what is not HTTP is no answer', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.socket.write('SSH-2.0-OpenSSH_9.6\r\n')
  })
  t.match(await stage(t).post(server.url), {
    kind: 'unknown',
    error: /^the answer is not HTTP\/1\.1: .*\(HTTPParserError\)/,
  })
})

t.test('a refused port is not sent', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const outcome = await stage(t).post(`http://127.0.0.1:${port}/`)
  t.match(outcome, { kind: 'not_sent', error: `connect refused: 127.0.0.1:${port} (ECONNREFUSED)` })
})

t.test('a name that does not exist is not sent', async t => {
  const outcome = await stage(t).post('http://nonexistent.invalid/')
  t.match(outcome, { kind: 'not_sent', error: /^name (not found|lookup failed): nonexistent\.invalid \(E/ })
})

t.test('a failed TLS handshake is not sent', async t => {
  const server = await rawServer(t, line => void line.socket.end('HTTP/1.1 400 Plain\r\n\r\n'))
  const outcome = await stage(t).post(`https://${server.host}/`)
  t.match(outcome, { kind: 'not_sent', error: /^TLS failed: 127\.0\.0\.1:\d+: .*\((EPROTO|ERR_SSL_\w+)\)$/ })
})

t.test('a connect that never ends is given up at the deadline, as not sent', async t => {
  const { post } = stage(t, { deadlineMs: 200 }, { connect: () => {} })
  t.match(await post('http://127.0.0.1:9/'), { kind: 'not_sent', error: 'no connection within 200 ms' })
})

t.test('a connector that fails with an error of undici is asked once', async t => {
  let asked = 0
  const { post } = stage(
    t,
    {},
    {
      connect: (_, callback) => {
        asked++
        setImmediate(() => callback(Object.assign(new Error('not allowed'), { code: 'UND_ERR_SOCKET' }), null))
      },
    },
  )
  t.match(await post('http://127.0.0.1:9/'), {
    kind: 'not_sent',
    error: 'connect failed: 127.0.0.1:9: not allowed (UND_ERR_SOCKET)',
  })
  t.equal(asked, 1)
})

t.test('a lease lost while connecting leaves zero bytes at the server', async t => {
  const server = await rawServer(t, () => {})
  const outcome = await stage(t, { mayStart: () => false }).post(server.url)
  t.match(outcome, { kind: 'not_sent', error: 'lease lost', httpStatus: null })
  await server.quiet()
  t.equal(server.bytes, 0)
})

t.test('a callback that expires while its connection is made leaves zero bytes at the server', async t => {
  const server = await rawServer(t, () => {})
  const connect: Connect = (target, callback) => {
    setTimeout(() => directConnect(1_000)(target, callback), 100)
  }
  const outcome = await stage(t, {}, { connect }).post(server.url, { expiresInMs: 50 })
  t.match(outcome, { kind: 'not_sent', error: 'expired before it was sent', isAborted: true })
  await server.quiet()
  t.equal(server.bytes, 0)
})

t.test('a lease lost before a reused connection is written to leaves nothing more at the server', async t => {
  const server = await rawServer(t, async line => {
    await line.request()
    line.answer('200 OK')
  })
  let leased = true
  const { post } = stage(t, { mayStart: () => leased })
  t.equal((await post(server.url)).kind, 'delivered')
  const before = server.bytes
  leased = false
  t.match(await post(server.url), { kind: 'not_sent', error: 'lease lost' })
  await server.quiet()
  t.equal(server.bytes, before)
})

t.test('an abort before the request was started is not sent', async t => {
  const connecting = signal()
  const { origins, post } = stage(t, {}, { connect: () => connecting.give() })
  const posted = post('http://127.0.0.1:9/')
  await connecting.given
  origins.abort('shut down')
  t.match(await posted, { kind: 'not_sent', error: 'aborted before it was sent: shut down' })
})

t.test('an abort after the request was started is unknown', async t => {
  const arrived = signal()
  const server = await rawServer(t, async line => {
    await line.request()
    arrived.give()
  })
  const { origins, post } = stage(t)
  const posted = post(server.url)
  await arrived.given
  origins.abort('lease ran out')
  t.match(await posted, { kind: 'unknown', error: 'aborted before an answer: lease ran out' })
  await server.quiet()
})

function drip(line: Line, piece: (n: number) => string): void {
  let n = 0
  const timer = setInterval(() => line.socket.write(piece(n++)), 20)
  line.socket.on('close', () => clearInterval(timer))
}
