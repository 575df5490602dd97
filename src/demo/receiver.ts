/**
 * The sample receiver, a process of its own: `node receiver.js <port>`. Three small systems wait for callbacks; each arrival
 * is reported to the demo, which started this and prints it. Ends when the demo does.
 *
 * With a port, the systems take that one and the two behind it; with 0, free ones.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Arrival } from './arrival.ts'
import { type Report, type Rule, type System, systems } from './receiver-protocol.ts'

/** Answers as the newest rule says that fits the path. */
class Receiver {
  readonly #rules: Rule[] = []

  rule(rules: readonly Rule[]): void {
    this.#rules.unshift(...rules)
    report({ kind: 'settled' })
  }

  readonly receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray()).toString('utf8')
    const atMs = performance.timeOrigin + performance.now()
    const path = request.url ?? ''
    const answer = this.#rules.find(rule => path.startsWith(rule.path))?.status ?? 200
    report({ kind: 'arrival', arrival: { ...fromHeaders(request), atMs, path, fields: fieldsOf(body), answer } })
    response.writeHead(answer).end()
  }
}

function fromHeaders({ headers }: IncomingMessage): Pick<Arrival, 'messageId' | 'attempt'> {
  return { messageId: String(headers['webhook-id']), attempt: Number(headers['webhook-attempt']) }
}

function fieldsOf(body: string): [string, string][] {
  return [...new URLSearchParams(body)]
}

function report(message: Report): void {
  process.send?.(message)
}

async function listen(receiver: Receiver, port: number): Promise<string> {
  // A sender that gives up in the middle is no arrival.
  const server = createServer((request, response) => void receiver.receive(request, response).catch(() => {}))
  await listening(server, port)
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

async function main(port: number): Promise<void> {
  const receiver = new Receiver()
  const origins: Partial<Record<System, string>> = {}
  for (const [i, system] of systems.entries()) origins[system] = await listen(receiver, port === 0 ? 0 : port + i)
  process.on('message', message => receiver.rule(message as readonly Rule[]))
  report({ kind: 'listening', origins: origins as Record<System, string> })
}

process.on('disconnect', () => process.exit())
await main(Number(process.argv[2])).catch((error: Error) => report({ kind: 'failed', reason: error.message }))
