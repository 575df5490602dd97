/**
 * A receiver: a process with a plain HTTP server that writes down every arrival before it answers, and then does what the
 * path says (`behaviours.ts`). Argument: ReceiverPlan in JSON. It sends its port when it listens, and ends with its parent. The
 * messages `ill` and `well` say how the paths below `/ill` are from then on.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Arrival } from '../checker/history.ts'
import { type Behaviour, behaviourOf } from './behaviours.ts'
import { now } from './clock.ts'
import { Effects } from './effects.ts'
import { Journal } from './journal.ts'

export interface ReceiverPlan {
  /** Of its journal, made of `ArrivalLine`. */
  readonly file: string
  readonly seed: number
  /** 0: any. */
  readonly port: number
  /** Addresses of loopback, all with the same port. */
  readonly hosts: readonly string[]
  /** Connections that the kernel holds for it while it does not look; null: the system's default. */
  readonly backlog: number | null
  /** The database in which a callback has an effect unless it is answered with an error; null: it has none. */
  readonly effectsUrl: string | null
}

/** A line of a receiver's journal. */
export interface ArrivalLine extends Arrival {
  readonly path: string
}

const plan = JSON.parse(process.argv[2] ?? '') as ReceiverPlan
const journal = new Journal(plan.file)
const effects = plan.effectsUrl === null ? null : new Effects(plan.effectsUrl)
let isIll = false
process.on('message', message => {
  isIll = message === 'ill'
})
process.on('disconnect', () => process.exit())
let port = plan.port
for (const host of plan.hosts) port = await listen(host)
process.send?.({ port })

async function listen(host: string): Promise<number> {
  const server = createServer((request, response) => void receive(request, response))
  // Of all addresses when it listens on 0.0.0.0; others than our own have no business here.
  server.on('connection', socket => {
    if (socket.remoteAddress?.startsWith('127.') === false) socket.destroy()
  })
  server.listen({ host, port, ...(plan.backlog === null ? {} : { backlog: plan.backlog }) })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request)
  // A client that gave up while it was sending has not delivered anything.
  if (body === undefined) return
  const path = request.url ?? ''
  const attempt = Number(request.headers['webhook-attempt'])
  const behaviour = behaviourOf(path, { attempt, body, seed: plan.seed, isIll })
  const messageId = String(request.headers['webhook-id'])
  const arrival: ArrivalLine = { messageId, attempt, body, at: now(), answered: behaviour.status, path }
  journal.write(arrival)
  // Also where no answer comes back: then the sender cannot know, and sends again.
  if (effects !== null && (behaviour.status ?? 200) < 300) await effects.take(request.headers)
  if (behaviour.afterMs === undefined) behave(behaviour, request, response)
  else setTimeout(behave, behaviour.afterMs, behaviour, request, response)
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  try {
    return Buffer.concat(await request.toArray()).toString('latin1')
  } catch {
    return undefined
  }
}

function behave(behaviour: Behaviour, request: IncomingMessage, response: ServerResponse): void {
  const { status, retryAfter, reset, closeAfterMs } = behaviour
  const headers: OutgoingHttpHeaders = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }
  if (status !== null) response.writeHead(status, headers).end()
  else if (reset) request.socket.resetAndDestroy()
  if (closeAfterMs !== undefined) setTimeout(() => request.socket.destroy(), closeAfterMs)
}
