import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface Animal {
  /** The status that stands in its answer; null: there is none that ends. */
  readonly answered: number | null
  /** Towards a request that has been read. */
  readonly behave: (socket: Socket, zoo: { readonly honeypot: number }) => void
}

const BOMB_BYTES = 64 << 20
const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 'x'), Buffer.from('\r\n')])
let bomb: Buffer | undefined

export const animals: Readonly<Record<string, Animal>> = {
  '1xx for ever': { answered: null, behave: socket => every(socket, 50, () => head(103)) },
  'header drip': { answered: null, behave: socket => drip(socket, `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(10_000)}`) },
  'body drip': {
    answered: 200,
    behave: socket => {
      socket.write(head(200, 'content-length: 10000'))
      drip(socket, 'x'.repeat(10_000))
    },
  },
  'endless body': {
    answered: 200,
    behave: socket => {
      socket.write(head(200, 'transfer-encoding: chunked'))
      pour(socket)
    },
  },
  'gzip bomb': {
    answered: 200,
    behave: socket => {
      bomb ??= gzipSync(Buffer.alloc(BOMB_BYTES))
      socket.write(head(200, 'content-encoding: gzip', `content-length: ${bomb.length}`))
      socket.write(bomb)
    },
  },
  'reset before headers': { answered: null, behave: socket => socket.resetAndDestroy() },
  'reset after headers': {
    answered: 200,
    behave: socket => socket.write(head(200, 'content-length: 100'), () => socket.resetAndDestroy()),
  },
  'half-close': { answered: null, behave: socket => socket.end() },
  'two answers at once': {
    answered: 200,
    behave: socket => socket.write(head(200, 'content-length: 0') + head(500, 'content-length: 0')),
  },
  'shorter than it says': {
    answered: 200,
    behave: socket => socket.end(`${head(200, 'content-length: 100')}too little`),
  },
  'longer than it says': {
    answered: 200,
    behave: socket => socket.write(`${head(200, 'content-length: 5')}${'too much '.repeat(100)}`),
  },
  'redirect to a honeypot': {
    answered: 307,
    behave: (socket, { honeypot }) =>
      socket.write(head(307, `location: http://127.0.0.1:${honeypot}/latest/meta-data/`, 'content-length: 0')),
  },
  '204': { answered: 204, behave: socket => socket.write(head(204)) },
  '999': { answered: 999, behave: socket => socket.write(head(999, 'content-length: 0')) },
  'huge headers': {
    answered: 200,
    behave: socket =>
      socket.write(head(200, ...Array.from({ length: 1_000 }, (_, n) => `x-${n}: ${'x'.repeat(1_000)}`))),
  },
  'not HTTP': { answered: null, behave: socket => socket.write('220 mail.example ESMTP ready\r\n') },
}

function head(status: number, ...headers: readonly string[]): string {
  return [`HTTP/1.1 ${status} Zoo`, ...headers, '', ''].join('\r\n')
}

function drip(socket: Socket, text: string): void {
  let at = 0
  every(socket, 20, () => text.slice(at, ++at))
}

/** Until the other side has had enough, or the text is out. */
function every(socket: Socket, ms: number, next: () => string): void {
  const timer = setInterval(() => {
    const text = next()
    if (text === '') clearInterval(timer)
    else socket.write(text)
  }, ms)
  socket.once('close', () => clearInterval(timer))
}

/** As fast as it is taken. */
function pour(socket: Socket): void {
  const more = () => {
    while (socket.writable && socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}
