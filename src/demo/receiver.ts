/**
 * The sample receiver, a process of its own: `node receiver.js <port> <key file>`, its database in DATABASE_URL. Three small
 * systems wait for callbacks; sample.ts says what they do with one. Each arrival is reported to the demo, which started this
 * and prints it. Ends when the demo does.
 *
 * With a port, the systems take that one and the two behind it; with 0, free ones.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import type { Arrival } from './arrival.ts'
import { type Report, type Rule, type System, systems } from './receiver-protocol.ts'
import { take } from './sample.ts'

/** Does as the sample does, unless the demo has staged a mishap. */
class Receiver {
  readonly #pool: pg.Pool
  readonly #keys: string
  #rules: readonly Rule[] = []

  constructor(databaseUrl: string | undefined, keys: string) {
    this.#pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'sample receiver', max: 5 })
    // A session that is ended says so to its next query.
    this.#pool.on('error', () => {})
    this.#keys = keys
  }

  rule(rules: readonly Rule[]): void {
    this.#rules = [...rules, ...this.#rules]
    report({ kind: 'settled' })
  }

  readonly receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Buffer.concat(await request.toArray())
    const atMs = performance.timeOrigin + performance.now()
    const path = request.url ?? ''
    const mishap = this.#mishapAt(path)
    const { found, status, reason } =
      typeof mishap === 'number'
        ? { found: 'unseen' as const, status: mishap, reason: '' }
        : await take(this.#pool, this.#keys, { path, headers: request.headers, body })
    const answer = mishap === 'answer lost' ? null : status
    report({ kind: 'arrival', arrival: { ...readable(request, body), atMs, path, answer, found, reason } })
    if (answer === null) request.socket.destroy()
    // Why it failed is nothing to tell a sender.
    else response.writeHead(answer).end(found === 'refused' ? reason : '')
  }

  /** By the newest rule that fits. An answer is lost once. */
  #mishapAt(path: string): Rule['mishap'] {
    const rule = this.#rules.find(each => path.startsWith(each.path))
    if (rule?.mishap === 'answer lost') this.#rules = this.#rules.filter(each => each !== rule)
    return rule?.mishap ?? 'none'
  }
}

/** For the screen and the log, genuine or not. */
function readable({ headers }: IncomingMessage, body: Buffer): Pick<Arrival, 'messageId' | 'attempt' | 'fields'> {
  return {
    messageId: String(headers['webhook-id']),
    attempt: Number(headers['webhook-attempt']),
    fields: [...new URLSearchParams(body.toString('utf8'))],
  }
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

async function main(port: number, keyFile: string): Promise<void> {
  const receiver = new Receiver(process.env.DATABASE_URL, readFileSync(keyFile, 'utf8'))
  const origins: Partial<Record<System, string>> = {}
  for (const [i, system] of systems.entries()) origins[system] = await listen(receiver, port === 0 ? 0 : port + i)
  process.on('message', message => receiver.rule(message as readonly Rule[]))
  report({ kind: 'listening', origins: origins as Record<System, string> })
}

process.on('disconnect', () => process.exit())
const [, , port, keyFile = ''] = process.argv
await main(Number(port), keyFile).catch((error: Error) => report({ kind: 'failed', reason: error.message }))
