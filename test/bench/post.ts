import { type Dispatcher, Pool } from 'undici'

/** A callback as a peer keeps it: what Ringback has in columns. */
export interface Payload {
  /** uuid */
  readonly id: string
  readonly url: string
  readonly form: Readonly<Record<string, string | number>>
}

/**
 * POSTs as Ringback does, for peers that need to be told: the same form, the same headers, undici's `dispatch` on a pool an
 * origin. Resolves on 2xx.
 */
export class Poster {
  readonly #connections: number
  readonly #pools = new Map<string, Pool>()

  /** @param connections to one origin. */
  constructor(connections = 16) {
    this.#connections = connections
  }

  post({ id, url, form }: Payload): Promise<void> {
    const { origin, pathname } = new URL(url)
    return new Promise((resolve, reject) => {
      this.#pool(origin).dispatch(
        { origin, path: pathname, method: 'POST', headers: headersOf(id), body: encode(form) },
        answer(resolve, reject),
      )
    })
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map(pool => pool.close()))
  }

  #pool(origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      pool = new Pool(origin, { connections: this.#connections, pipelining: 1 })
      this.#pools.set(origin, pool)
    }
    return pool
  }
}

function encode(form: Payload['form']): string {
  return new URLSearchParams(
    Object.entries(form).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}

function headersOf(id: string): string[] {
  return [
    'content-type',
    'application/x-www-form-urlencoded; charset=UTF-8',
    'webhook-id',
    id,
    'idempotency-key',
    id,
    'webhook-attempt',
    '1',
    'webhook-timestamp',
    String(Math.floor(Date.now() / 1_000)),
    'user-agent',
    'Ringback/bench',
  ]
}

function answer(resolve: () => void, reject: (reason: Error) => void): Dispatcher.DispatchHandler {
  let status = 0
  return {
    onRequestStart() {},
    onResponseStart(_, statusCode) {
      status = statusCode
    },
    onResponseData() {},
    onResponseEnd() {
      if (status >= 200 && status < 300) resolve()
      else reject(new Error(`answered ${status}`))
    },
    onResponseError(_, error) {
      reject(error)
    },
  }
}
