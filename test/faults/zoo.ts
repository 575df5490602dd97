/**
 * Receivers that no HTTP library would build: each on a port of its own, all in one process. Argument: ZooPlan in JSON. It sends
 * the ports by name when they listen, and the visits to the honeypot whenever it gets a message.
 *
 * Each writes down what arrives, as `receiver.ts` does, misbehaves towards a first attempt and takes the second.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { animals } from './animals.ts'
import { now } from './clock.ts'
import { Journal } from './journal.ts'
import type { ArrivalLine } from './receiver.ts'
import { type RawRequest, Requests } from './requests.ts'

export interface ZooPlan {
  /** Of its journal, made of `ArrivalLine`. */
  readonly file: string
}

/** What it sends first. */
export interface ZooPorts {
  readonly ports: Readonly<Record<string, number>>
}

const plan = JSON.parse(process.argv[2] ?? '') as ZooPlan
const journal = new Journal(plan.file)
let visits = 0
process.on('disconnect', () => process.exit())
process.on('message', () => process.send?.({ visits }))

const honeypot = await listen(() => {
  visits += 1
})
const ports: Record<string, number> = {}
for (const [name, { answered, behave }] of Object.entries(animals)) {
  ports[name] = await listen(socket => {
    const requests = new Requests(request => {
      const isFirst = request.attempt === 1
      note(request, isFirst ? answered : 200)
      if (isFirst) behave(socket, { honeypot })
      else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    })
    socket.on('data', chunk => requests.push(chunk))
  })
}
process.send?.({ ports } satisfies ZooPorts)

async function listen(accept: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function note({ messageId, attempt, body, path }: RawRequest, answered: number | null): void {
  journal.write({ messageId, attempt, body, at: now(), answered, path } satisfies ArrivalLine)
}
