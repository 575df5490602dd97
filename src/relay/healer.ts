import type { Backlog } from '../backlog/backlog.ts'
import { backlogName } from '../backlog/origin-backlog.ts'
import type { Downtime, Scopes } from '../backlog/scopes.ts'
import type { IndexPlace } from '../model.ts'
import { bringForward, type Forwarding } from '../outbox/bring-forward.ts'
import { look } from '../outbox/look.ts'
import type { Session } from '../outbox/session.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { forwardRows, forwardShare, mostRetries, probesOfRow } from '../policy/tuning.ts'

export interface HealerParts {
  readonly backlog: Backlog
  readonly scopes: Scopes
  readonly epoch: () => string
  readonly isMine: (origin: string) => boolean
  /** All of it is on hold. */
  readonly isHeld: (origin: string) => boolean
  readonly settingsOf: (origin: string) => Pick<DestinationSettings, 'deadlineMs' | 'maxAttempts'>
  /** No back-off is longer, in milliseconds. */
  readonly retryCapMs: number
  /** Called when an origin may have come free. */
  readonly freed: () => void
}

/** From a claim to its POST, or to its record, in milliseconds; it counts only where nothing exact is known. */
const claimMs = 1_000
const recordMs = 10_000

const start: IndexPlace = { dueUs: Number.NEGATIVE_INFINITY, id: '0' }

/**
 * Gets an origin, or one URL of it, out of its outage sooner than the back-off of its rows would:
 * - When the breaker closes, what failed during the outage and still waits is due now: each row once, a batch at a time.
 * - While it is open and no row of it is due, one that waits is made due when a probe may go. It waited for minutes
 *   otherwise, however short the pause. A row is not made the probe more often than three times an outage, nor for its last
 *   attempt: the probes of a long outage must not use it up.
 * - An operator who retries a row ends the pause.
 *
 * It outlives connections. What it forgets when the relay ends goes out when its back-off does.
 */
export class Healer {
  readonly #parts: HealerParts
  /** Outages that are over, by whose they were, and how far their rows were made due. */
  readonly #over = new Map<string, { readonly outage: Downtime; readonly after: IndexPlace }>()
  /** Rows that were made due as probes, by whose breaker is open, and how often. */
  readonly #probes = new Map<string, Map<string, number>>()
  readonly #retries = new Set<string>()
  #batchAt = 0

  constructor(parts: HealerParts) {
    this.#parts = parts
  }

  /** An operator, or somebody who says so, wants this row tried now. */
  retry(id: string): void {
    if (this.#retries.size < mostRetries) this.#retries.add(id)
  }

  /** When there is something to do. */
  get nextAt(): number {
    if (this.#retries.size > 0 || this.#parts.scopes.hasOutages) return 0
    return this.#over.size > 0 ? this.#batchAt : Number.POSITIVE_INFINITY
  }

  /** One step, if it is time. True: rows have become due. @param now `performance.now()` */
  async work(session: Session, now = performance.now()): Promise<boolean> {
    for (const outage of this.#parts.scopes.takeOutages()) {
      const name = nameOf(outage)
      this.#probes.delete(name)
      this.#over.set(name, { outage, after: start })
    }
    if (this.#retries.size > 0) await this.#endRests(session, now)
    return this.#over.size > 0 && now >= this.#batchAt && (await this.#forwardBatch(session, now))
  }

  /** The origins take turns. */
  async #forwardBatch(session: Session, now: number): Promise<boolean> {
    const [[name, { outage, after }] = ['', { outage: null, after: start }]] = this.#over
    this.#over.delete(name)
    if (outage === null || !this.#parts.isMine(outage.origin)) return false
    const startedAt = performance.now()
    const batch = { now, entries: forwardRows, rows: forwardRows, except: [], sparesLastOf: null, after }
    try {
      const { ids, reached } = await this.#bringForward(session, outage, batch)
      // It may have had another one meanwhile.
      if (reached && !this.#over.has(name)) this.#over.set(name, { outage, after: reached })
      const endedAt = performance.now()
      this.#batchAt = endedAt + (endedAt - startedAt) * (1 / forwardShare - 1)
      return ids.length > 0
    } catch (error) {
      this.#over.set(name, { outage, after })
      throw error
    }
  }

  /** Each second: a row for each origin where a probe may go and none is due. True: rows have become due. */
  async probe(session: Session, now = performance.now()): Promise<boolean> {
    const { scopes, backlog, isMine, isHeld, settingsOf } = this.#parts
    let isAny = false
    for (const outage of [...scopes.probeless(now)]) {
      const { origin } = outage
      const name = nameOf(outage)
      if (backlog.knows(name) || isHeld(origin)) continue
      scopes.probed(outage)
      if (!isMine(origin)) continue
      const probes = this.#probes.get(name) ?? new Map<string, number>()
      const except = [...probes].flatMap(([id, times]) => (times >= probesOfRow ? id : []))
      const sparesLastOf = settingsOf(origin).maxAttempts
      const one = { now, entries: forwardRows, rows: 1, except, sparesLastOf, after: start }
      const { ids } = await this.#bringForward(session, outage, one)
      for (const id of ids) this.#probes.set(name, probes.set(id, (probes.get(id) ?? 0) + 1))
      isAny ||= ids.length > 0
    }
    return isAny
  }

  #bringForward(
    session: Session,
    { origin, urlHash, failedFrom, endedAt }: Downtime,
    {
      now,
      ...how
    }: Pick<Forwarding, 'entries' | 'rows' | 'except' | 'sparesLastOf' | 'after'> & { readonly now: number },
  ): ReturnType<typeof bringForward> {
    const { epoch, settingsOf, retryCapMs } = this.#parts
    return bringForward(session, epoch(), {
      origin,
      urlHash,
      claimedFromMsAgo: now - failedFrom + claimMs,
      claimedToMsAgo: now - endedAt,
      waitsMs: retryCapMs + settingsOf(origin).deadlineMs + recordMs,
      ...how,
    })
  }

  /** What was said is a hint: only a row that is due now counts. */
  async #endRests(session: Session, now: number): Promise<void> {
    const { scopes, backlog, epoch, freed } = this.#parts
    const ids = [...this.#retries]
    this.#retries.clear()
    for (const { status, row } of await look(session, epoch(), ids)) {
      if (status !== 'pending' || row.standing !== 'due' || !scopes.endRest(row, now)) continue
      backlog.freed(row.origin)
      freed()
    }
  }
}

function nameOf({ origin, urlHash }: Downtime): string {
  return backlogName(origin, urlHash)
}
