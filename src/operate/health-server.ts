import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressText } from '../config/listen-address.ts'
import type { RelayState } from '../relay/observer.ts'
import { listening } from './listening.ts'

export interface HealthServerOptions {
  readonly host: string
  readonly port: number
  /** null: there is no relay yet. */
  readonly state: () => RelayState | null
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
}

interface Answer {
  readonly status: number
  readonly type?: string
  readonly body: string
}

/**
 * Serves `/metrics`, `/livez` and `/readyz` over HTTP, without authentication. None of them queries the database: a
 * scrape costs it nothing, and its outage is no reason to restart the process.
 */
export class HealthServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @throws Error when it cannot listen on the address. */
  static async start({ host, port, state, metrics }: HealthServerOptions): Promise<HealthServer> {
    const answer = async (path: string): Promise<Answer> => {
      if (path === '/livez') return { status: 200, body: 'alive\n' }
      if (path === '/readyz') return readiness(state())
      if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.text() }
      return { status: 404, body: 'there are /metrics, /livez and /readyz\n' }
    }
    const server = createServer((request, response) => void reply(request, response, answer))
    // Ends idle connections of scrapers.
    server.keepAliveTimeout = 30_000
    await listening(server, { host, port })
    return new HealthServer(server)
  }

  /** Spelt as in a URL. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return addressText({ host: address, port })
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

async function reply(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  answer: (path: string) => Promise<Answer>,
): Promise<void> {
  const isRead = method === 'GET' || method === 'HEAD'
  const path = (url ?? '').split('?', 1)[0] ?? ''
  const refusal: Answer = { status: 405, body: 'only GET and HEAD\n' }
  const { status, type = 'text/plain; charset=utf-8', body } = isRead ? await answer(path) : refusal
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(method === 'HEAD' ? undefined : body)
}

/**
 * A relay that stands by is ready: otherwise a rollout would wait for ever, since most relays still have the old
 * settings.
 */
export function readiness(state: RelayState | null): Answer {
  if (state === null || !state.isConnected) return { status: 503, body: 'not ready: no connection to the database\n' }
  if (state.isStopping) return { status: 503, body: 'not ready: stopping\n' }
  if (!state.isRegistered) return { status: 503, body: 'not ready: the lease is not held\n' }
  return {
    status: 200,
    body: state.standby === null ? 'ready: serves\n' : `ready: stands by, since ${state.standby}\n`,
  }
}
