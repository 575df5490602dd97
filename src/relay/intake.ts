import type { Log } from '../log/log.ts'
import type { WaitingCallback } from '../model.ts'
import { type Listed, readIds, readKeys } from '../outbox/fetch.ts'
import { look } from '../outbox/look.ts'
import type { Session } from '../outbox/session.ts'
import type { RetryPolicy } from '../policy/decision.ts'
import { keyRows } from '../policy/tuning.ts'
import type { Reading, Sequencer } from '../sequencer/sequencer.ts'
import type { Bell } from './bell.ts'
import type { Holdings } from './holdings.ts'
import type { Recorder } from './recorder.ts'
import { recover } from './recovery.ts'
import { Refusals } from './refusals.ts'

export interface IntakeParts {
  readonly session: Session
  readonly sequencer: Sequencer
  readonly holdings: Holdings
  readonly recorder: Recorder
  readonly log: Log
  readonly policy: RetryPolicy
  /** Whether the POST of this attempt is under way in this very process. */
  readonly isSending: (id: string, attempt: number) => boolean
  /** Rung for new rows: they need not wait until all else is read. */
  readonly bell: Bell
}

/** Where rows read from the database go: those nobody is sending any more to the recorder, the others to the sequencer. */
export class Intake {
  readonly #parts: IntakeParts
  /** Rows that PostgreSQL has refused: they wait until they have rested. */
  readonly refusals: Refusals

  constructor(parts: IntakeParts) {
    this.#parts = parts
    this.refusals = new Refusals(parts.log, 'callback_refused')
  }

  /** Reads, and takes in what is new. Returns how many rows that were. */
  async takeIn(read: () => Promise<readonly Listed[]>): Promise<number> {
    const { sequencer, bell } = this.#parts
    const reading = sequencer.beginReading()
    try {
      const found = this.#sort(await read(), reading)
      if (found > 0) bell.ring()
      return found
    } finally {
      sequencer.endReading(reading)
    }
  }

  /** Reads the first unsettled rows of these keys in. */
  readKeys(keys: readonly string[]): Promise<number> {
    return this.takeIn(() => readKeys(this.#parts.session, keys, keyRows))
  }

  /** These rows were handed out and could not be claimed, since they are claimed already. */
  async recoverClaimed(ids: readonly string[]): Promise<void> {
    const { session, sequencer } = this.#parts
    const rows = new Map((await readIds(session, ids)).map(row => [row.id, row]))
    const now = performance.now()
    for (const id of ids) {
      const row = rows.get(id)
      if (!row || !this.#recover(row, now)) sequencer.settled(id, now)
    }
  }

  /** A row that others wait behind may have been cancelled by an operator: they go on then. */
  async lookAtBlockers(): Promise<void> {
    const { session, sequencer } = this.#parts
    const ids = [...sequencer.blockers()].slice(0, 1_000)
    if (ids.length === 0) return
    const rows = await look(session, ids)
    const unsettled = new Set(
      rows.flatMap(({ id, status }) => (status === 'pending' || status === 'claimed' ? id : [])),
    )
    for (const id of ids) if (!unsettled.has(id)) sequencer.settled(id, performance.now())
  }

  /** A row of which an attempt is on its way into the record is not taken in: what was said of it is for that attempt only. */
  #sort(rows: readonly Listed[], reading: Reading): number {
    const { sequencer, holdings, recorder } = this.#parts
    const now = performance.now()
    const waiting: WaitingCallback[] = []
    let recovered = 0
    for (const row of rows) {
      if (row.claimed === null) {
        if (holdings.serves(row.lane) && !recorder.holds(row.id))
          waiting.push(rested(row, this.refusals.restMs(row.id, now)))
      } else if (!sequencer.isUnderWay(row.id) && !reading.left.has(row.id) && this.#recover(row, now)) {
        sequencer.settled(row.id, now)
        recovered += 1
      }
    }
    return recovered + sequencer.add(waiting, now, reading)
  }

  /** True when an attempt of the row is on its way into the record. */
  #recover(row: Listed, now: number): boolean {
    const { holdings, recorder, policy, isSending } = this.#parts
    const epoch = holdings.epochOf(row.lane)
    if (epoch === undefined) return false
    const attempt = recover(row, { epoch, ms: now - holdings.ownedSince(row.lane) }, policy, now)
    if (!attempt || recorder.holds(row.id) || isSending(row.id, attempt.attempt)) return false
    recorder.add(attempt)
    return true
  }
}

/** The row as it waits when PostgreSQL has refused it a while ago. */
function rested(row: WaitingCallback, restMs: number): WaitingCallback {
  return restMs > row.dueInMs ? { ...row, dueInMs: restMs } : row
}
