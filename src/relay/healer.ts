import type { Backlog } from '../backlog/backlog.ts'
import { startOf } from '../backlog/index-place.ts'
import { backlogName } from '../backlog/origin-backlog.ts'
import type { Downtime, Scopes } from '../backlog/scopes.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { IndexPlace } from '../model.ts'
import { bringForward, type Forwarded, type Forwarding } from '../outbox/bring-forward.ts'
import { isRefusalOfRows } from '../outbox/database-errors.ts'
import { look } from '../outbox/look.ts'
import { type Ongoing, readOutages } from '../outbox/outages.ts'
import type { Session } from '../outbox/session.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { forwardRows, forwardShare, mostRetries, probedOrigins, probesOfRow } from '../policy/tuning.ts'
import type { Refusals } from './refusals.ts'

export interface HealerParts {
  readonly backlog: Backlog
  readonly scopes: Scopes
  /** Callbacks that PostgreSQL refuses to bring forward. */
  readonly unforwarded: Refusals
  readonly epoch: () => string
  readonly isMine: (origin: string) => boolean
  /** Whether the whole origin is on hold. */
  readonly isHeld: (origin: string) => boolean
  readonly settingsOf: (origin: string) => Pick<DestinationSettings, 'deadlineMs' | 'maxAttempts' | 'breaker'>
  /** The longest back-off, in milliseconds. */
  readonly retryCapMs: number
  /** Called when an origin may have come free. */
  readonly freed: () => void
}

type Batch = Pick<Forwarding, 'entries' | 'rows' | 'except' | 'sparesLastOf' | 'after'> & { readonly now: number }

interface Batched extends Forwarded {
  /** The row that PostgreSQL refused, at which the batch ended; null: none. */
  readonly refused: string | null
}

/**
 * How long it may take from a claim to its POST, and to its record, in milliseconds. Used where nothing exact is known.
 */
const claimMs = 1_000
const recordMs = 10_000

const start = startOf('due')

/**
 * Gets an origin, or one URL of it, out of an outage sooner than the back-off of its rows would:
 *
 * - When the breaker closes, rows that failed during the outage become due, a batch at a time.
 * - While it is open and none of its rows is due, `probe` makes one due.
 * - An operator who retries a row ends the pause.
 * - After a restart, or when an origin gets another relay, its outage goes on as far as the table shows it.
 */
export class Healer {
  readonly #parts: HealerParts
  /** Outages that are over, by origin or URL, each with the place up to which its rows were made due. */
  readonly #over = new Map<string, { readonly outage: Downtime; readonly after: IndexPlace }>()
  /**
   * By origin or URL with an open breaker: how often each row was made due as a probe. Bounded: an origin may be forgotten,
   * or get another relay, before its outage ends.
   */
  readonly #probes = new BoundedMap<string, Map<string, number>>(probedOrigins)
  readonly #retries = new Set<string>()
  #batchAt = 0
  #hasGained = false

  constructor(parts: HealerParts) {
    this.#parts = parts
  }

  /** A notification asks to try this row now. Any role may send it, so it is only a hint. */
  retry(id: string): void {
    if (this.#retries.size < mostRetries) this.#retries.add(id)
  }

  /** This relay has other origins now, perhaps some in an outage. */
  gained(): void {
    this.#hasGained = true
  }

  /** When there is something to do. */
  get nextAt(): number {
    if (this.#retries.size > 0 || this.#parts.scopes.hasOutages) return 0
    return this.#over.size > 0 ? this.#batchAt : Number.POSITIVE_INFINITY
  }

  /** Makes one step, if it is time. Returns whether rows have become due. @param now `performance.now()` */
  async work(session: Session, now = performance.now()): Promise<boolean> {
    for (const outage of this.#parts.scopes.takeOutages()) {
      const name = nameOf(outage)
      this.#probes.delete(name)
      this.#over.set(name, { outage, after: start })
    }
    if (this.#retries.size > 0) await this.#endRests(session, now)
    return this.#over.size > 0 && now >= this.#batchAt && (await this.#forwardBatch(session, now))
  }

  /** Makes rows of one outage due. The outages take turns. */
  async #forwardBatch(session: Session, now: number): Promise<boolean> {
    const [[name, { outage, after }] = ['', { outage: null, after: start }]] = this.#over
    this.#over.delete(name)
    if (outage === null || !this.#parts.isMine(outage.origin)) return false
    const batch = { now, entries: forwardRows, rows: forwardRows, except: [], sparesLastOf: null, after }
    try {
      const { ids, reached, workMs } = await this.#bringForward(session, outage, batch)
      // There may be a newer outage of it by now.
      if (reached && !this.#over.has(name)) this.#over.set(name, { outage, after: reached })
      this.#batchAt = performance.now() + workMs * (1 / forwardShare - 1)
      return ids.length > 0
    } catch (error) {
      this.#over.set(name, { outage, after })
      throw error
    }
  }

  /**
   * Called each second. Makes a row due for each origin or URL that may have a probe and has none: its rows may wait in
   * long back-offs. Returns whether rows are due.
   */
  async probe(session: Session, now = performance.now()): Promise<boolean> {
    const { scopes, backlog, isMine, isHeld, settingsOf } = this.#parts
    let isAny = false
    for (const outage of [...scopes.probeless(now)]) {
      const { origin } = outage
      const name = nameOf(outage)
      // It may have more in the table. If those are followers of a row in a long back-off, that row is what is wanted.
      if (backlog.hasRows(name) || isHeld(origin)) continue
      scopes.probed(outage)
      if (!isMine(origin)) continue
      // A row is the probe a few times only, and never for its last attempt, so that probes do not use it up.
      const probes = this.#probes.get(name) ?? new Map<string, number>()
      const except = [...probes].flatMap(([id, times]) => (times >= probesOfRow ? id : []))
      const sparesLastOf = settingsOf(origin).maxAttempts
      const one = { now, entries: forwardRows, rows: 1, except, sparesLastOf, after: start }
      const { ids, refused } = await this.#bringForward(session, outage, one)
      if (refused !== null) this.#probes.set(name, probes.set(refused, probesOfRow))
      for (const id of ids) this.#probes.set(name, probes.set(id, (probes.get(id) ?? 0) + 1))
      isAny ||= ids.length > 0
    }
    return isAny
  }

  /** Reads the outages of origins that this relay has got, and goes on with them. Returns whether there are any. */
  async resume(session: Session, now = performance.now()): Promise<boolean> {
    if (!this.#hasGained) return false
    const { scopes, isMine } = this.#parts
    const found = await readOutages(session)
    this.#hasGained = false
    const outages = found.filter(each => isMine(each.origin) && this.#opensBreaker(each))
    const origins = new Set(outages.flatMap(({ origin, urlHash }) => (urlHash === null ? origin : [])))
    for (const { origin, urlHash, deliveredMsAgo } of outages) {
      if (urlHash !== null && origins.has(origin)) continue
      scopes.resume({ origin, urlHash, failedFrom: now - (deliveredMsAgo ?? this.#longestWaitMs(origin)) })
    }
    return outages.length > 0
  }

  #opensBreaker({ origin, attempts }: Ongoing): boolean {
    const { failures } = this.#parts.settingsOf(origin).breaker
    return failures > 0 && attempts >= failures
  }

  /** From the claim of a row on, as long as no Retry-After was longer. */
  #longestWaitMs(origin: string): number {
    const { settingsOf, retryCapMs } = this.#parts
    return retryCapMs + settingsOf(origin).deadlineMs + recordMs
  }

  /** Brings a batch forward: up to a row that PostgreSQL refuses, if there is one, which stays as it is. */
  async #bringForward(session: Session, outage: Downtime, batch: Batch): Promise<Batched> {
    try {
      return { ...(await this.#forward(session, outage, batch)), refused: null }
    } catch (error) {
      if (!isRefusalOfRows(error)) throw error
      return this.#forwardToRefused(session, outage, batch)
    }
  }

  /** Halves the entries until the first one that is refused is alone. The next batch begins after it. */
  async #forwardToRefused(session: Session, outage: Downtime, batch: Batch): Promise<Batched> {
    const ids: string[] = []
    let { after, entries } = batch
    while (true) {
      const half = Math.max(1, entries >> 1)
      const part = { ...batch, after, entries: half }
      try {
        const done = await this.#forward(session, outage, part)
        ids.push(...done.ids)
        if (done.reached === null || half === entries || ids.length >= batch.rows)
          return { ...done, ids, refused: null }
        after = done.reached
        entries -= half
      } catch (error) {
        if (!isRefusalOfRows(error)) throw error
        entries = half
        if (half === 1) return { ...(await this.#pass(session, outage, part, error)), ids }
      }
    }
  }

  /** Goes past one entry. Without a row to change, the statement only tells its place. */
  async #pass(session: Session, outage: Downtime, batch: Batch, error: Error): Promise<Batched> {
    const passed = await this.#forward(session, outage, { ...batch, rows: 0 })
    const refused = passed.reached?.id ?? null
    const fields = { statement: 'bring forward' }
    if (refused !== null) this.#parts.unforwarded.refused(refused, error, batch.now, fields)
    return { ...passed, refused }
  }

  #forward(
    session: Session,
    { origin, urlHash, failedFrom, endedAt }: Downtime,
    { now, ...how }: Batch,
  ): Promise<Forwarded> {
    const { epoch } = this.#parts
    return bringForward(session, epoch(), {
      origin,
      urlHash,
      claimedFromMsAgo: now - failedFrom + claimMs,
      claimedToMsAgo: now - endedAt,
      waitsMs: this.#longestWaitMs(origin),
      ...how,
    })
  }

  /** Ends the pause of a breaker for retried rows. Only a row that is due now counts, since a retry is only a hint. */
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
