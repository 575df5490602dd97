/**
 * The receiver of a bench: `fork('receiver.ts')`, spoken to as receiver-protocol.ts says. A raw TCP server, since Node's HTTP
 * server would cost more than the relay that is measured. Ends with its parent.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { nowUs } from './clock.ts'
import type { Command, Mode, Reply, Request, Tally } from './receiver-protocol.ts'
import { numberOf, Requests } from './requests.ts'

const ANSWERS = {
  204: Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'),
  500: Buffer.from('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n'),
  503: Buffer.from('HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n'),
}

class Port {
  readonly sockets = new Set<Socket>()
  readonly host: string
  readonly mode: Mode
  server: Server
  number = 0
  requests = 0
  /** Callbacks that have come. */
  readonly #seen = new Set<number>()
  /** When the last of the requests that it handles one at a time will be answered, by `performance.now()`. */
  #busyUntil = 0

  constructor(host: string, mode: Mode) {
    this.host = host
    this.mode = mode
    this.server = this.#server()
  }

  async listen(): Promise<number> {
    if (!this.server.listening) this.server = this.#server()
    this.server.listen({ host: this.host, port: this.number, backlog: 4_096 })
    await once(this.server, 'listening')
    this.number = (this.server.address() as AddressInfo).port
    return this.number
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }

  #server(): Server {
    return createServer({ noDelay: true }, socket => {
      const requests = new Requests()
      this.sockets.add(socket)
      socket.on('data', chunk => requests.read(chunk, body => this.#receive(socket, body)))
      socket.on('error', () => {})
      socket.on('close', () => this.sockets.delete(socket))
    })
  }

  #receive(socket: Socket, body: Buffer): void {
    this.requests++
    const n = numberOf(body)
    arrive(n, this.number)
    const { mode } = this
    if (mode.kind === 'answer') socket.write(ANSWERS[mode.status])
    else if (mode.kind === 'delay') this.#delay(socket, mode.ms)
    else if (mode.kind === 'fifth') this.#delay(socket, mode.ms, this.requests % 5 === 0 ? mode.status : 204)
    else if (mode.kind === 'second') this.#delay(socket, mode.ms, this.#seen.has(n) ? 204 : 503)
    else if (mode.kind === 'serial') {
      this.#busyUntil = Math.max(this.#busyUntil, performance.now()) + mode.ms
      this.#delay(socket, this.#busyUntil - performance.now())
    }
    if (mode.kind === 'second') this.#seen.add(n)
  }

  #delay(socket: Socket, ms: number, status: keyof typeof ANSWERS = 204): void {
    delayed++
    counted.mostAtOnce = Math.max(counted.mostAtOnce, delayed)
    setTimeout(() => {
      delayed--
      socket.write(ANSWERS[status])
    }, ms)
  }
}

const ports: Port[] = []
const counted = { requests: 0, expect: 0, firstAtUs: 0, lastAtUs: 0, mostAtOnce: 0 }
let delayed = 0
let noted: number[] | null = null

function arrive(n: number, port: number): void {
  counted.lastAtUs = nowUs()
  counted.requests++
  if (counted.requests === 1) {
    counted.firstAtUs = counted.lastAtUs
    say({ arrived: 'first' })
  }
  if (counted.requests === counted.expect) say({ arrived: 'all' })
  noted?.push(n, counted.lastAtUs, port)
}

function say(reply: Reply): void {
  process.send?.(reply)
}

async function perform(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'listen':
      return Promise.all(command.hosts.map(host => listen(host, command.mode)))
    case 'close':
      return port(command.port).close()
    case 'open':
      return port(command.port).listen()
    case 'reset':
      Object.assign(counted, { requests: 0, expect: command.expect, firstAtUs: 0, lastAtUs: 0, mostAtOnce: 0 })
      for (const port of ports) port.requests = 0
      noted = command.note ? [] : null
      return
    case 'tally':
      return tally()
    case 'arrivals':
      return Float64Array.from(noted?.splice(0) ?? [])
  }
}

async function listen(host: string, mode: Mode): Promise<number> {
  const port = new Port(host, mode)
  ports.push(port)
  return port.listen()
}

function port(number: number): Port {
  const port = ports.find(port => port.number === number)
  if (port === undefined) throw new Error(`The receiver has no port ${number}`)
  return port
}

function tally(): Tally {
  return {
    requests: counted.requests,
    firstAtUs: counted.firstAtUs,
    lastAtUs: counted.lastAtUs,
    mostAtOnce: counted.mostAtOnce,
    byPort: new Map(ports.map(port => [port.number, port.requests])),
    connections: ports.reduce((sum, port) => sum + port.sockets.size, 0),
  }
}

process.on('disconnect', () => process.exit())
process.on('message', async (request: Request) => say({ id: request.id, result: await perform(request) }))
