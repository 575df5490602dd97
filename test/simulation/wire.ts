import type { ConnectionPool } from '../../src/delivery/connection-pool.ts'
import { encodeForm } from '../../src/delivery/form.ts'
import type { PostOptions, post } from '../../src/delivery/post.ts'
import type { Claim, Outcome, OutcomeKind } from '../../src/model.ts'
import type { Fate, Receivers } from './receivers.ts'
import type { Owner } from './timeline.ts'

/** An attempt that has not ended. */
interface Exchange {
  readonly claim: Claim
  readonly deadlineMs: number
  readonly startedAtMs: number
  hasStarted: boolean
  readonly end: (outcome: Outcome) => void
}

export type AttemptName = Pick<Claim, 'messageId' | 'attempt' | 'epoch'>

interface End {
  readonly reason: string
  readonly status?: number | null
  readonly isAborted?: boolean
  readonly isSilent?: boolean
  readonly retryAfterMs?: number | null
}

/** Replaces the HTTP client of one relay. Like that, it checks the lease as late as possible, and never rejects. */
export class Wire {
  readonly #receivers: Receivers
  readonly #owner: Owner
  readonly #running = new Set<Exchange>()
  readonly #begun = new Set<string>()
  #pool: ConnectionPool | undefined

  constructor(receivers: Receivers, owner: Owner) {
    this.#receivers = receivers
    this.#owner = owner
  }

  get inFlight(): number {
    return this.#running.size
  }

  /** Whether this process has begun the attempt, however it ended. */
  hasBegun({ messageId, attempt, epoch }: AttemptName): boolean {
    return this.#begun.has(`${messageId} ${attempt} ${epoch}`)
  }

  readonly post: typeof post = (claim, options) => {
    this.#heedAborts(options.pool)
    return new Promise(resolve => this.#begin(claim, options, resolve))
  }

  /** The relay aborts attempts through its connection pool, which has no connections here. */
  #heedAborts(pool: ConnectionPool): void {
    if (this.#pool === pool) return
    this.#pool = pool
    pool.abort = reason => {
      for (const each of [...this.#running])
        this.#finish(each, each.hasStarted ? 'unknown' : 'not_sent', { reason, isAborted: true })
    }
  }

  #begin(claim: Claim, { mayStart, settingsOf }: PostOptions, end: (outcome: Outcome) => void): void {
    const { timeline, dice, flaws } = this.#receivers
    const { deadlineMs, headers } = settingsOf(claim.origin)
    const exchange: Exchange = { claim, deadlineMs, startedAtMs: performance.now(), hasStarted: false, end }
    this.#receivers.began(claim, this.#owner, headers)
    this.#running.add(exchange)
    this.#begun.add(`${claim.messageId} ${claim.attempt} ${claim.epoch}`)
    timeline.after(dice.chance(0.1) ? dice.upTo(500) : dice.upTo(2), this.#owner, () => {
      if (!this.#running.has(exchange)) return
      if (mayStart(claim) || flaws.ignoresLease) this.#send(exchange)
      else this.#finish(exchange, 'not_sent', { reason: 'lease lost', isAborted: true })
    })
  }

  #send(exchange: Exchange): void {
    const { timeline, dice, flaws } = this.#receivers
    const { claim, deadlineMs } = exchange
    const fate = this.#receivers.fate(claim, deadlineMs)
    if (fate.kind === 'not_sent') {
      this.#finish(exchange, 'not_sent', { reason: 'refused' })
      return
    }
    exchange.hasStarted = true
    this.#receivers.sent(claim, this.#owner.name)
    this.#travel(exchange, fate)
    if (flaws.sendsTwice && fate.answer === null) this.#travel(exchange, fate)
    timeline.after(fate.endsInMs, this.#owner, () => {
      // A relay that was frozen finds the answer and the deadline at the same moment.
      const isLate = performance.now() - exchange.startedAtMs > deadlineMs && dice.chance(0.5)
      this.#finish(exchange, isLate ? 'unknown' : fate.kind, {
        reason: 'so it went',
        status: isLate ? null : fate.answer,
        isSilent: isLate || (fate.kind === 'unknown' && fate.endsInMs >= deadlineMs),
        retryAfterMs: isLate ? null : (fate.retryAfterMs ?? null),
      })
    })
  }

  #travel({ claim }: Exchange, { arrivesInMs, answer }: Fate): void {
    if (arrivesInMs === null) return
    const arrival = {
      messageId: claim.messageId,
      attempt: claim.attempt,
      body: encodeForm(claim.form),
      answered: answer,
    }
    this.#receivers.timeline.after(arrivesInMs, null, () => this.#receivers.arrive(arrival))
  }

  #finish(
    exchange: Exchange,
    kind: OutcomeKind,
    { reason, status = null, isAborted = false, isSilent = false, retryAfterMs = null }: End,
  ): void {
    if (!this.#running.delete(exchange)) return
    this.#receivers.ended(exchange.claim, this.#owner, { kind, isSilent })
    exchange.end({
      kind,
      httpStatus: status,
      error: kind === 'delivered' ? null : reason,
      responseExcerpt: null,
      retryAfterMs,
      startedAtMs: exchange.startedAtMs,
      finishedAtMs: performance.now(),
      ...(isAborted ? { isAborted } : {}),
      ...(isSilent ? { isSilent } : {}),
    })
  }
}
