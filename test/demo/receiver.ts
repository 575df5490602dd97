/**
 * The sample receiver: three small systems that are called back, each a server of its own, so that one can be down while the
 * others are up. They do what any receiver on `ringback/receiver` would: is it genuine, what does it say, and its effect, once.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type pg from 'pg'
import {
  FormError,
  type Headers,
  parse,
  receive,
  VerificationError,
  type Arrival as Verified,
  verify,
} from '../../src/receiver/receiver.ts'

export const systems = ['crm', 'erp', 'dwh'] as const
export type System = (typeof systems)[number]

/** The effect of a callback is a row here. Nothing but the inbox keeps a second one out. */
export const effectTable = `create table effect (
  id bigint generated always as identity, message_id text not null, path text not null, form text not null)`

/** What became of a POST, and how to answer. */
export interface Taken {
  readonly found: 'handled' | 'duplicate' | 'stale' | 'refused' | 'failed'
  readonly status: number
  /** Why it was refused or failed; else empty. */
  readonly reason: string
}

/** One POST as the receiver saw it. */
export interface Arrival {
  /** When its last byte was read: Unix time in milliseconds. */
  readonly atMs: number
  readonly path: string
  readonly fields: readonly (readonly [string, string])[]
  /** Headers `webhook-id` and `webhook-attempt`. */
  readonly messageId: string
  readonly attempt: number
  /** The status it was answered with; null: the answer was lost. */
  readonly answer: number | null
  /** `unseen`: the system was down, or did not know the path. */
  readonly found: Taken['found'] | 'unseen'
  readonly reason: string
}

/** A number: nobody looks at the POST, and this status is the answer. `answer lost`: once, after the POST was taken. */
type Mishap = number | 'answer lost'

/** @param keys text of the key file. The database is the receiver's own; sql/receiver/inbox.sql has made the inbox in it. */
export async function take(
  pool: pg.Pool,
  keys: string,
  { path, headers, body }: { readonly path: string; readonly headers: Headers; readonly body: Uint8Array },
): Promise<Taken> {
  try {
    const arrival = verify(headers, body, keys)
    return { found: await handle(pool, arrival, path, parse(body)), status: 200, reason: '' }
  } catch (error) {
    const { message } = error as Error
    // Both are final: the callback is dead, and can be replayed. 500 is tried again.
    if (error instanceof VerificationError) return { found: 'refused', status: 401, reason: message }
    if (error instanceof FormError) return { found: 'refused', status: 400, reason: message }
    return { found: 'failed', status: 500, reason: message }
  }
}

/** The row of the effect commits together with the inbox's, or neither does. */
async function handle(pool: pg.Pool, arrival: Verified, path: string, form: URLSearchParams) {
  const client = await pool.connect()
  let failure: Error | undefined
  try {
    const effect = 'insert into effect (message_id, path, form) values ($1, $2, $3)'
    // What the sender keeps in order: the callbacks of an execution, or else of a flow, to one URL.
    const key = `${path} ${form.get('flowExecutionId') ?? form.get('flowId')}`
    return await receive(client, arrival, () => client.query(effect, [arrival.messageId, path, `${form}`]), { key })
  } catch (error) {
    failure = error as Error
    throw error
  } finally {
    // A connection that failed is closed.
    client.release(failure)
  }
}

/** The three systems, and a log of everything that arrived. */
export class Receiver {
  readonly arrivals: Arrival[] = []
  readonly #pool: pg.Pool
  readonly #keys: string
  readonly #arrived: (arrival: Arrival) => void
  readonly #servers = new Map<System, Server>()
  readonly #mishaps = new Map<string, Mishap>()

  constructor(pool: pg.Pool, keys: string, arrived: (arrival: Arrival) => void) {
    this.#pool = pool
    this.#keys = keys
    this.#arrived = arrived
  }

  /** @param port of the first system, the others take the next; 0: free ones. */
  async listen(port: number): Promise<void> {
    for (const [i, system] of systems.entries()) {
      // A sender that gives up in the middle is no arrival.
      const server = createServer((request, response) => void this.#receive(request, response).catch(() => {}))
      this.#servers.set(system, server)
      server.listen(port === 0 ? 0 : port + i, '127.0.0.1')
      await once(server, 'listening').catch(error => {
        throw new Error(`the sample receiver cannot listen: ${error.message}`)
      })
    }
  }

  origin(system: System): string {
    return `http://127.0.0.1:${(this.#servers.get(system)?.address() as AddressInfo).port}`
  }

  /** The URL of a path, whose first part is the system: `/crm/flow`. */
  url(path: `/${System}/${string}`): string {
    return this.origin(path.split('/')[1] as System) + path
  }

  /** What happens from now on to whatever arrives at `path` or below it; null: it is mended. */
  stage(path: string, mishap: Mishap | null): void {
    if (mishap === null) this.#mishaps.delete(path)
    else this.#mishaps.set(path, mishap)
  }

  close(): void {
    for (const server of this.#servers.values()) {
      server.close()
      server.closeAllConnections()
    }
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { headers, url: path = '' } = request
    const body = Buffer.concat(await request.toArray())
    const atMs = performance.timeOrigin + performance.now()
    const [place = '', mishap] = [...this.#mishaps].find(([each]) => path.startsWith(each)) ?? []
    if (mishap === 'answer lost') this.#mishaps.delete(place)
    const { found, status, reason } =
      typeof mishap === 'number'
        ? { found: 'unseen' as const, status: mishap, reason: '' }
        : await take(this.#pool, this.#keys, { path, headers, body })
    const arrival: Arrival = {
      atMs,
      path,
      fields: [...new URLSearchParams(body.toString('utf8'))],
      messageId: String(headers['webhook-id']),
      attempt: Number(headers['webhook-attempt']),
      answer: mishap === 'answer lost' ? null : status,
      found,
      reason,
    }
    this.arrivals.push(arrival)
    this.#arrived(arrival)
    if (arrival.answer === null) request.socket.destroy()
    // Why it failed is nothing to tell a sender.
    else response.writeHead(arrival.answer).end(found === 'refused' ? reason : '')
  }
}

export function isAccepted({ answer }: Arrival): boolean {
  return answer !== null && answer >= 200 && answer <= 299
}
