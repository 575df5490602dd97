import type { Dispatcher } from 'undici'
import type { Claim, Outcome } from '../model.ts'
import { outcomeOfStatus } from '../policy/answers.ts'
import { judge, type SuccessRule } from '../policy/success.ts'
import { answerBodyMs, maxAnswerBytes } from '../policy/tuning.ts'
import type { Endpoint } from './address-policy.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool, ConnectionUser } from './connection-pool.ts'
import { Excerpt } from './excerpt.ts'
import { Aborted, AddressRefused, Late, Stopped, whyCut, whyNotSent, whyStatus, whyUnknown } from './reason.ts'
import { retryAfterMs } from './retry-after.ts'

export interface ExchangeOptions {
  /** Gives connections; `pool.abort()` and `pool.close()` end the exchanges under way. */
  readonly pool: ConnectionPool
  /** Called right before the first byte is written, to see whether the lease still holds; false: `not_sent`. */
  readonly mayStart: (claim: Claim) => boolean
  /** How many bytes of the answer's body are kept. Default 1,024. */
  readonly excerptBytes?: number
  /** Why answers of `url` that come from `peer` are not kept; null: they are. Default: all are kept. */
  readonly whyUnkept?: (url: URL, peer: Endpoint) => string | null
}

/** What is POSTed. */
export interface Request {
  readonly url: URL
  /** A form is pure ASCII; JSON is as the producer wrote it. */
  readonly body: string
  /** Names and values in turn. */
  readonly headers: string[]
  /** Counted from the start of the attempt. */
  readonly deadlineMs: number
  /** Statuses 4xx after which this receiver gets another attempt. */
  readonly retry: readonly number[]
  /** What a 2xx must say to count as success; null: any 2xx counts, and its body is not kept. */
  readonly success: SuccessRule | null
}

/**
 * One request and its answer, from the wait for a connection to the outcome. undici calls the `on...` methods in this
 * order:
 *
 * 1. `onRequestStart`, right before the write to the socket, in the same turn of the event loop
 * 2. `onResponseStart`, for every 1xx and for the answer
 * 3. `onResponseData`, then `onResponseEnd` or `onResponseError`
 *
 * An error without the first means that the request was never started. The first event that ends the exchange decides
 * (`#finish`). After our own drop undici reports an error, which is ignored.
 */
export class Exchange implements ConnectionUser, Dispatcher.DispatchHandler {
  /** Never rejects. */
  readonly outcome: Promise<Outcome>
  connection: Connection | null = null
  over = false
  readonly #claim: Claim
  readonly #request: Request
  readonly #pool: ConnectionPool
  readonly #mayStart: (claim: Claim) => boolean
  readonly #startedAtMs: number
  readonly #whyUnkept: ExchangeOptions['whyUnkept']
  readonly #excerpt: Excerpt
  /** Fires at the deadline, or at an earlier limit for the body (`#boundBody`). */
  #timer: NodeJS.Timeout
  #resolve!: (outcome: Outcome) => void
  #started = false
  /** A head has come, of a 1xx or of the answer: a break after that is not a keep-alive race. */
  #heard = false
  #status: number | null = null
  #location: string | undefined
  #retryAfterMs: number | null = null
  #bodyBytes = 0
  /** The chunks of a 2xx's body, when a success rule judges it; null for any other answer. */
  #body: Buffer[] | null = null
  #isEncoded = false

  constructor(claim: Claim, request: Request, startedAtMs: number, options: ExchangeOptions) {
    this.#claim = claim
    this.#request = request
    this.#startedAtMs = startedAtMs
    this.#pool = options.pool
    this.#mayStart = options.mayStart
    this.#whyUnkept = options.whyUnkept
    this.#excerpt = new Excerpt(options.excerptBytes ?? 1_024)
    this.#timer = setTimeout(stopAtDeadline, request.deadlineMs, this, request.deadlineMs)
    this.outcome = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  begin(connection: Connection): void {
    this.connection = connection
    const { url, body, headers } = this.#request
    connection.send(
      {
        method: 'POST',
        path: url.pathname + url.search,
        headers,
        body: Buffer.from(body),
        reset: !this.#pool.reusable(connection.origin),
      },
      this,
    )
  }

  abort(reason: string): void {
    this.stop(new Aborted(`aborted before it was sent: ${reason}`, `aborted before an answer: ${reason}`))
  }

  stop(reason: Stopped): void {
    this.#finish(reason)
    void this.connection?.drop(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const isExpired = performance.now() - this.#startedAtMs >= (this.#claim.expiresInMs ?? Number.POSITIVE_INFINITY)
    if (!this.over && !isExpired && this.#mayStart(this.#claim)) {
      this.#started = true
      this.connection?.asked()
      return
    }
    const reason = new Aborted(isExpired ? 'expired before it was sent' : 'lease lost', '')
    this.#finish(reason)
    controller.abort(reason)
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Headers): void {
    this.#heard = true
    if (status < 200) return
    this.#status = status
    const { success } = this.#request
    if (status < 300 && success?.body) this.#body = []
    // The head has decided about any other answer. An empty body ends with it.
    else if (headers['content-length'] !== '0') this.#boundBody()
    this.#isEncoded = this.#excerpt.encodedAs(firstValue(headers['content-encoding']))
    if (status < 300 && success === null) return
    this.#location = firstValue(headers.location)
    this.#retryAfterMs = retryAfterMs(headers['retry-after'], Date.now())
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#status !== null && (this.#status > 299 || this.#request.success !== null)) this.#keep(chunk)
    // A copy, for the reason that `Excerpt` gives.
    this.#body?.push(Buffer.from(chunk))
    this.#bodyBytes += chunk.length
    if (this.#bodyBytes > maxAnswerBytes)
      this.stop(new Stopped('', `the body is longer than the ${maxAnswerBytes} bytes that are read`))
  }

  onResponseEnd(): void {
    this.connection?.answered()
    this.#finish(null)
  }

  onResponseError(_: Dispatcher.DispatchController | undefined, failure: Error): void {
    if (this.over) return
    if (this.#started && !this.#heard && this.connection?.reused) this.#pool.loseReuse(this.connection.origin)
    this.#finish(failure)
  }

  #boundBody(): void {
    const leftMs = this.#startedAtMs + this.#request.deadlineMs - performance.now()
    if (leftMs <= answerBodyMs) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(stopBody, answerBodyMs, this)
  }

  /**
   * The excerpt of a delivered callback is dropped in `#finish`: nobody needs it, and it would make every row wider.
   */
  #keep(chunk: Buffer): void {
    if (this.#bodyBytes === 0) this.#withholdInner()
    this.#excerpt.add(chunk)
  }

  #withholdInner(): void {
    const peer = this.connection?.peer
    const why = peer && this.#whyUnkept?.(this.#request.url, peer)
    if (why) this.#excerpt.withhold(why)
  }

  #finish(failure: Error | null): void {
    if (this.over) return
    this.over = true
    clearTimeout(this.#timer)
    const finishedAtMs = performance.now()
    const { kind, error } = this.#ended(failure, finishedAtMs - this.#startedAtMs)
    this.#resolve({
      kind,
      httpStatus: this.#status,
      error,
      responseExcerpt: kind === 'delivered' ? null : this.#excerpt.text(),
      retryAfterMs: this.#retryAfterMs,
      startedAtMs: this.#startedAtMs,
      finishedAtMs,
      ...(failure instanceof Aborted ? { isAborted: true } : {}),
      ...(this.#status === null && kind === 'unknown' && failure instanceof Late ? { isSilent: true } : {}),
    })
  }

  /** A status that has come counts, even if the body then breaks off or exceeds the deadline. */
  #ended(failure: Error | null, afterMs: number): Pick<Outcome, 'kind' | 'error'> {
    const { url, retry, success } = this.#request
    if (this.#status === null) return this.#unanswered(failure, afterMs)
    if (this.#status < 300 && success !== null) return this.#judged(success, this.#status, failure)
    const kind = outcomeOfStatus(this.#status, retry)
    return { kind, error: kind === 'delivered' ? null : whyStatus(this.#status, this.#location, url) }
  }

  #judged(success: SuccessRule, status: number, failure: Error | null): Pick<Outcome, 'kind' | 'error'> {
    return judge(success, {
      status,
      body: new TextDecoder().decode(Buffer.concat(this.#body ?? [])),
      cut: failure === null ? null : whyCut(failure),
      isEncoded: this.#isEncoded,
      isKept: this.#excerpt.isKept,
    })
  }

  #unanswered(failure: Error | null, afterMs: number): Pick<Outcome, 'kind' | 'error'> {
    if (failure === null) throw new Error('An answer ended that had never begun')
    const error = this.#started ? whyUnknown(failure, afterMs) : whyNotSent(failure, this.#request.url.host)
    if (failure instanceof AddressRefused) return { kind: 'rejected', error }
    return { kind: this.#started ? 'unknown' : 'not_sent', error }
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

function firstValue(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** A function at module level, so that no attempt's timer needs a closure. */
function stopAtDeadline(exchange: Exchange, deadlineMs: number): void {
  exchange.stop(new Late(deadlineMs))
}

function stopBody(exchange: Exchange): void {
  exchange.stop(new Stopped('', `the body has not ended within ${answerBodyMs} ms`))
}
