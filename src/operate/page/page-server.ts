import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { addressText } from '../../config/listen-address.ts'
import { messageOf, RingbackError } from '../../errors.ts'
import { listening } from '../listening.ts'
import { type PageGuard, refusalOf, securityHeaders } from './guard.ts'
import { html } from './html.ts'
import { gate } from './layout.ts'
import type { Page, PageAnswer } from './page.ts'
import { script } from './script.ts'
import { stylesheet } from './stylesheet.ts'

export interface PageServerOptions extends PageGuard {
  readonly host: string
  readonly port: number
  readonly page: Page
}

/** A callback's form of 64 KiB, three bytes for each where all are escaped, and its URL. */
const mostBytes = 262_144

interface HttpAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

const assets: Readonly<Record<string, HttpAnswer>> = {
  '/ringback.css': { status: 200, type: 'text/css; charset=utf-8', body: stylesheet },
  '/ringback.js': { status: 200, type: 'text/javascript; charset=utf-8', body: script },
}

/** Serves the page over HTTP, behind the guard. */
export class PageServer {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @throws Error when it cannot listen on the address. */
  static async start(options: PageServerOptions): Promise<PageServer> {
    const server = createServer((request, response) => {
      answerTo(request, options)
        .then(answer => send(request, response, answer))
        // The browser has closed the connection before the end of its form.
        .catch(() => response.destroy())
    })
    server.requestTimeout = 30_000
    await listening(server, options)
    return new PageServer(server)
  }

  /** Spelt as in a URL. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return addressText({ host: address, port })
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

async function answerTo(request: IncomingMessage, options: PageServerOptions): Promise<HttpAnswer> {
  const refusal = refusalOf(request, options)
  if (refusal !== null) {
    const headers = refusal.status === 401 ? { 'www-authenticate': 'Basic realm="Ringback", charset="UTF-8"' } : {}
    return { ...plain(refusal.status, refusal.text), headers }
  }
  const { method = '', url = '' } = request
  const isPost = method === 'POST'
  if (!isPost && method !== 'GET' && method !== 'HEAD') return plain(405, 'Only GET, HEAD and POST.')
  const [path = '', query = ''] = url.split(/\?(.*)/s)
  const asset = assets[path]
  if (asset !== undefined && !isPost) return asset
  const form = isPost ? await formIn(request) : ''
  if (form === null) return plain(413, 'This form is too long. Nothing was changed.')
  try {
    const asked = { path, query: new URLSearchParams(query), form: new URLSearchParams(form) }
    return documentFor(await options.page.answer({ method: isPost ? 'POST' : 'GET', ...asked }))
  } catch (error) {
    return failureOf(error, path.lastIndexOf('/') > 0 ? '../' : './')
  }
}

function documentFor({ status, body, location }: PageAnswer): HttpAnswer {
  const headers = location === undefined ? {} : { location }
  return { status, type: 'text/html; charset=utf-8', body, headers }
}

function plain(status: number, text: string): HttpAnswer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` }
}

/** null: the form is too long. */
async function formIn(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** PostgreSQL took too long, refused the act (then its message is the reason), or cannot be reached. */
function failureOf(error: unknown, root: string): HttpAnswer {
  const code = (error as { code?: unknown } | null)?.code
  const isRefused = typeof code === 'string' && /^(22|23|42|54|P0|25006)/.test(code)
  const [title, meaning] =
    code === '57014' || code === '55P03'
      ? ['The database took too long.', 'Nothing was changed. Try fewer callbacks at once, or again in a minute.']
      : isRefused
        ? ['PostgreSQL refused this.', 'Nothing was changed.']
        : error instanceof RingbackError
          ? ['The page cannot use this database.', 'Nothing is lost.']
          : [
              'The database does not answer.',
              'Nothing is lost. What is committed is there when the database is back. The relays use connections of their own, and go on by themselves.',
            ]
  const body = gate(
    title ?? '',
    html`<h1><span class="st sign fault"></span>${title}</h1><div class="prose"><p>${meaning}</p><pre>${messageOf(error)}</pre></div><p class="acts"><a class="btn main" href="${root}">Overview</a></p>`,
    root,
  )
  return {
    status: code === '42501' ? 403 : isRefused ? 400 : 503,
    type: 'text/html; charset=utf-8',
    body: body.toString(),
  }
}

function send(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, type, body, headers }: HttpAnswer,
): void {
  response.writeHead(status, {
    ...securityHeaders,
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(method === 'HEAD' ? undefined : body)
}
