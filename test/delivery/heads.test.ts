import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Outcome } from '../../src/model.ts'
import { rawServer, stage } from './stage.ts'

const run = promisify(execFile)

/** What is sent, and the status that curl reads in it; 000: none. */
interface Sample {
  readonly answer: string
  readonly status: string
  readonly retryAfterMs?: number
}

const CHUNKED = '2\r\nok\r\n0\r\n\r\n'
const LONG = `x: ${'y'.repeat(1_000)}\r\n`

/** Status lines. */
const lines: Record<string, Sample> = {
  'no reason phrase': { answer: 'HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok', status: '200' },
  'HTTP/1.0': { answer: 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok', status: '200' },
  'lower case': { answer: 'http/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok', status: '200' },
  'HTTP/2 in plain text': { answer: 'HTTP/2 200 OK\r\ncontent-length: 2\r\n\r\nok', status: '200' },
  'two spaces': { answer: 'HTTP/1.1  200 OK\r\ncontent-length: 2\r\n\r\nok', status: '200' },
  'a tab': { answer: 'HTTP/1.1\t200 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
  'a version that does not exist': { answer: 'HTTP/1.2 200 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
  'four digits': { answer: 'HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
  'two digits': { answer: 'HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
  'less than 100': { answer: 'HTTP/1.1 099 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
  'another protocol': { answer: 'ICY 200 OK\r\ncontent-length: 2\r\n\r\nok', status: '000' },
}

/** Heads that are not as RFC 9112 has them, each with a Retry-After behind what is odd. */
const odd: Record<string, Sample> = Object.fromEntries(
  Object.entries({
    'chunked with a length': 'content-length: 2\r\ntransfer-encoding: chunked\r\n',
    'the same length twice': 'content-length: 2\r\ncontent-length: 2\r\n',
    'the same length in a list': 'content-length: 2, 2\r\n',
    'two lengths': 'content-length: 2\r\ncontent-length: 3\r\n',
    'a length that is no number': 'content-length: two\r\n',
    'a negative length': 'content-length: -2\r\n',
    'a length without bounds': 'content-length: 99999999999999999999999\r\n',
    'a space before the colon': 'content-length : 2\r\n',
    'a control byte': 'content-length: 2\r\nx: a\x01b\r\n',
    NUL: 'content-length: 2\r\nx: a\0b\r\n',
    'a bare CR': 'content-length: 2\r\nx: a\rb\r\n',
    'a folded header': 'content-length: 2\r\nx: a\r\n b\r\n',
    'a folded length': 'content-length:\r\n 2\r\n',
    'no colon': 'content-length: 2\r\nwhatever\r\n',
    'no name': 'content-length: 2\r\n: a\r\n',
    'a name that is none': 'content-length: 2\r\n(x): a\r\n',
    'chunked twice': 'transfer-encoding: chunked, chunked\r\n',
    'an encoding that is none': 'transfer-encoding: identity\r\n',
  }).map(([name, headers]) => [
    name,
    {
      answer: `HTTP/1.1 503 Busy\r\n${headers}retry-after: 7\r\n\r\n${headers.includes('chunked') ? CHUNKED : 'ok'}`,
      status: '503',
      retryAfterMs: 7_000,
    },
  ]),
)
odd['LF alone'] = {
  answer: 'HTTP/1.1 503 Busy\nretry-after: 7\ncontent-length: 2\n\nok',
  status: '503',
  retryAfterMs: 7_000,
}
odd['chunked in HTTP/1.0'] = {
  answer: 'HTTP/1.0 503 Busy\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  status: '503',
}
odd['a 204 that announces a body'] = { answer: 'HTTP/1.1 204 Nothing\r\ncontent-length: 5\r\n\r\n', status: '204' }

const long: Record<string, Sample> = {
  'a head of 60 KiB': {
    answer: `HTTP/1.1 429 Slow\r\n${LONG.repeat(60)}retry-after: 7\r\ncontent-length: 2\r\n\r\nok`,
    status: '429',
    retryAfterMs: 7_000,
  },
  'a header of 60 KiB': {
    answer: `HTTP/1.1 429 Slow\r\nx: ${'y'.repeat(61_000)}\r\nretry-after: 7\r\ncontent-length: 2\r\n\r\nok`,
    status: '429',
    retryAfterMs: 7_000,
  },
}

const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const ACCEPTED = 'HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok'

for (const [name, { answer, status, retryAfterMs = null }] of Object.entries({ ...lines, ...odd, ...long }))
  t.test(`a head with ${name} counts as curl reads it: ${status}`, async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      await line.pieces(answer)
      line.socket.end()
    })
    const outcome = await stage(t).post(server.url)
    t.match(outcome, { httpStatus: status === '000' ? null : Number(status), retryAfterMs })
    if (status === '000') t.match(outcome, { kind: 'unknown', error: /^the answer is not HTTP\/1\.1: / })
    const curl = await statusByCurl(server.url)
    if (curl !== null) t.equal(curl, status)
  })

for (const [name, { answer }] of Object.entries(odd))
  t.test(`a connection is not used again after a head with ${name}`, async t => {
    const server = await rawServer(t, async line => {
      await line.request()
      await line.pieces(`${answer}HTTP/1.1 200 Smuggled\r\ncontent-length: 0\r\n\r\n`)
      await line.request()
      t.fail('a second request')
    })
    const { post } = stage(t)
    const statuses = [await post(server.url), await post(server.url)].map(({ httpStatus }) => httpStatus)
    t.same(statuses, [Number(/\d{3}/.exec(answer)), Number(/\d{3}/.exec(answer))])
    t.equal(server.lines.length, 2)
    await server.quiet()
  })

t.test('a 100 Continue that nobody asked for is read over, wherever the packets end', async t => {
  const outcomeOf = await answering(t)
  for (const answer of [CONTINUE + ACCEPTED, CONTINUE.repeat(3) + ACCEPTED])
    for (const cut of cutsOf(answer)) {
      const outcome = await outcomeOf(answer.slice(0, cut), answer.slice(cut))
      t.match(outcome, { kind: 'delivered', httpStatus: 202 }, `cut at ${cut}`)
    }
})

t.test('a 100 Continue ends no reuse', async t => {
  const server = await rawServer(t, async line => {
    for (;;) {
      await line.request()
      await line.pieces(CONTINUE + ACCEPTED)
    }
  })
  const { post } = stage(t)
  for (let n = 0; n < 3; n++) t.equal((await post(server.url)).kind, 'delivered')
  t.equal(server.lines.length, 1)
})

t.test('every 1xx but 101 is read over, with whatever headers, in one packet a byte', async t => {
  const outcomeOf = await answering(t)
  const answer = `HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n${CONTINUE}HTTP/1.1 102\nx : y\n\nHTTP/1.1 199 \r\n\r\n${ACCEPTED}`
  t.match(await outcomeOf(...answer), { kind: 'delivered', httpStatus: 202 })
})

t.test('a 101 that nobody asked for is a fault, and the reason says so', async t => {
  const outcomeOf = await answering(t)
  const switched = 'HTTP/1.1 101 Switching Protocols\r\n'
  for (const headers of ['', 'connection: upgrade\r\nupgrade: websocket\r\n'])
    t.match(await outcomeOf(`${switched}${headers}\r\n`), {
      kind: 'unknown',
      httpStatus: null,
      error: /^the answer switches protocols, which was not asked for: HTTP 101 /,
    })
})

t.test('odd heads are read alike, wherever the packets end', async t => {
  const outcomeOf = await answering(t)
  for (const name of ['LF alone', 'a folded length', 'chunked with a length']) {
    const { answer } = odd[name]!
    for (const cut of cutsOf(answer))
      t.match(
        await outcomeOf(answer.slice(0, cut), answer.slice(cut)),
        { httpStatus: 503, retryAfterMs: 7_000, responseExcerpt: /ok/ },
        `${name}, cut at ${cut}`,
      )
  }
})

t.test('a length that is right, of two, or next to chunked, does not keep the body from being read', async t => {
  const outcomeOf = await answering(t)
  const excerptOf = async (headers: string, body: string): Promise<string | null> =>
    (await outcomeOf(`HTTP/1.1 500 Oops\r\n${headers}\r\n${body}`)).responseExcerpt
  t.equal(await excerptOf('content-length: 2\r\ncontent-length: 2\r\n', 'okHTTP/1.1'), 'ok')
  t.equal(await excerptOf('content-length: 9\r\ntransfer-encoding: chunked\r\n', '2\r\nok\r\n0\r\n\r\nmore'), 'ok')
  t.equal(await excerptOf('content-length : 2\r\n', 'okHTTP/1.1'), 'ok')
})

t.test('a location in an odd head is named, and an encoded body is not kept', async t => {
  const outcomeOf = await answering(t)
  t.match(await outcomeOf('HTTP/1.1 307 Go\nlocation:\n http://h:9/x\ncontent-length: 0\n\n'), {
    error: /\(to http:\/\/h:9\)$/,
  })
  t.match(await outcomeOf('HTTP/1.1 500 Oops\r\nContent-Encoding : gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b'), {
    responseExcerpt: '(not kept: content-encoding gzip)',
  })
})

t.test('a head that is as it should be leaves the connection to the next request', async t => {
  const headers = ['content-length: 0\r\n', 'transfer-encoding: chunked\r\n', 'Content-Length:0\r\nx:\t\xe9\r\n']
  const server = await rawServer(t, async line => {
    for (const each of headers) {
      await line.request()
      await line.pieces(`HTTP/1.1 200 OK\r\n${each}\r\n${each.startsWith('t') ? '0\r\n\r\n' : ''}`)
    }
    await line.request()
    await line.pieces('HTTP/1.1 204 No Content\r\n\r\n')
    await line.request()
    await line.pieces('HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n')
    await line.request()
    line.answer('200 OK')
  })
  const { post } = stage(t)
  for (let n = 0; n < headers.length + 3; n++) t.equal((await post(server.url)).kind, 'delivered')
  t.equal(server.lines.length, 1)
})

t.test('no header, whatever it is, costs the status or the Retry-After', async t => {
  const outcomeOf = await answering(t)
  const header = fc.oneof(
    fc.constantFrom(...Object.values(odd).map(({ answer }) => answer.split(/\r?\n/)[1] ?? '')),
    fc.string({ unit: fc.integer({ min: 0, max: 255 }).map(code => String.fromCharCode(code)) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(header.map(oneLine)), async headers => {
      const answer = ['HTTP/1.1 503 Busy', 'Retry-After: 7', 'x: y', ...headers, 'content-length: 0', '', ''].join(
        '\r\n',
      )
      const { httpStatus, retryAfterMs } = await outcomeOf(answer)
      return httpStatus === 503 && retryAfterMs === 7_000
    }),
    { numRuns: 40 },
  )
})

/** Neither an empty line, which would end the head, nor another Retry-After. */
function oneLine(header: string): string {
  return `${header.replaceAll('\n', ' ').replace(/^retry-after/i, 'y')}.`
}

function* cutsOf(text: string): Generator<number> {
  for (let cut = 1; cut < text.length; cut++) yield cut
}

/** POSTs to a receiver that answers with those pieces, and says how it ended. */
async function answering(t: Test): Promise<(...pieces: readonly string[]) => Promise<Outcome>> {
  let answer: readonly string[] = []
  const server = await rawServer(t, async line => {
    await line.request()
    await line.pieces(...answer)
    line.socket.end()
  })
  const { origins, post } = stage(t)
  // One connection each, since the receiver closes it.
  origins.loseReuse(`http://${server.host}`)
  return (...pieces) => {
    answer = pieces
    return post(server.url)
  }
}

/** null where there is no curl. */
async function statusByCurl(url: string): Promise<string | null> {
  const options = [
    '--silent',
    '--output',
    '/dev/null',
    '--write-out',
    '%{http_code}',
    '--data',
    'a=b',
    '--noproxy',
    '*',
  ]
  try {
    return (await run('curl', [...options, '--max-time', '20', url])).stdout
  } catch (error) {
    const { code, stdout } = error as { code: unknown; stdout: string }
    return code === 'ENOENT' ? null : stdout
  }
}
