import { attemptFields } from '../log/attempt.ts'
import type { Log } from '../log/log.ts'
import type { Claim, Decision, OriginSign, Outcome } from '../model.ts'
import type { Observer } from './observer.ts'
import { OriginWatch } from './origin-watch.ts'
import { Tally } from './surveyor.ts'

/** Reports the relay's work: a log line for each attempt, failing origins, counts for the summary, metrics. */
export class Report {
  readonly watch: OriginWatch
  readonly tally = new Tally()
  readonly observer: Observer | null
  readonly #relay: string
  readonly #log: Log

  /** @param observer null: there are no metrics. */
  constructor(relay: string, log: Log, observer: Observer | null) {
    this.#relay = relay
    this.#log = log
    this.watch = new OriginWatch(log)
    this.observer = observer
  }

  attempted(claim: Claim, outcome: Outcome, sign: OriginSign, decision: Decision): void {
    this.watch.see(claim.origin, sign, outcome, Date.now())
    this.tally.attempted(outcome, decision)
    this.observer?.attempted(claim, outcome, decision)
    const level = decision.status === 'delivered' ? 'debug' : decision.status === 'pending' ? 'info' : 'warn'
    if (this.#log.writes(level)) this.#log[level]('attempt', attemptFields(this.#relay, claim, outcome, decision))
    if (decision.status === 'dead' && decision.holdsUrl)
      this.#log.warn('url_held', { id: claim.id, origin: claim.origin, error: outcome.error })
  }

  /** Called with callbacks that are dead since they have expired. */
  readonly expired = (ids: readonly string[]): void => {
    this.tally.ended(ids.length)
    this.observer?.expired(ids.length)
    this.#log.warn('expired', { callbacks: ids.length, id: ids[0] })
  }
}
