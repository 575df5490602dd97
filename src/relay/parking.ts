import type { WaitingCallback } from '../model.ts'
import { noEnd, type ParkedPosition, parkedStart, readParked } from '../outbox/fetch.ts'
import { isolate } from '../outbox/isolate.ts'
import type { Session } from '../outbox/session.ts'
import { park } from '../outbox/settle.ts'
import type { Sequencer } from '../sequencer/sequencer.ts'
import type { Holdings } from './holdings.ts'
import type { Intake } from './intake.ts'

/** Rows read back at a time. */
const batch = 1_000

/** Rows of an origin that come back though memory is short: enough to find out how it does. */
const headRows = 16

/** Rows parked at a time: each is written, so it takes longer. */
const parkedAtOnce = 200

/** Pages read back at a time: new rows are looked for in between. */
const pagesAtOnce = 10

/** How long rows are read back without waiting for sweeps after some have come, in milliseconds. */
const flowMs = 2_000

export interface ParkingParts {
  readonly session: Session
  readonly sequencer: Sequencer
  readonly holdings: Holdings
  readonly intake: Intake
}

/** Rows set aside in the database, where they cost nothing until there is room for them again. */
export class Parking {
  readonly #parts: ParkingParts
  readonly #memoryRows: number
  readonly #share: number
  #place = parkedStart
  #flowingUntil = 0
  /** Forgotten by the sequencer, and not yet parked. */
  #surplus: WaitingCallback[] = []

  /** @param options.share what one origin may hold of memory. */
  constructor(parts: ParkingParts, options: { readonly memoryRows: number; readonly share: number }) {
    this.#parts = parts
    this.#memoryRows = options.memoryRows
    this.#share = options.share
  }

  restart(): void {
    this.#place = parkedStart
    this.#surplus = []
  }

  /** Rows came back of late: there may be room for more before the next sweep. */
  get isFlowing(): boolean {
    return performance.now() < this.#flowingUntil
  }

  /**
   * Rows come back while memory is less than half full, an origin's until it holds its share. What slow origins hold may keep
   * it fuller than that for long: then the first few of each origin come, or one that is well again would wait for the slow.
   */
  async readBack(): Promise<number> {
    const { session, sequencer, holdings, intake } = this.#parts
    let found = 0
    for (let pages = 0; pages < pagesAtOnce && sequencer.room > this.#memoryRows / 8; pages += 1) {
      const isRoomy = sequencer.room > this.#memoryRows / 2
      const [limit, share] = isRoomy ? [batch, this.#share] : [headRows, headRows]
      let end = false
      found += await intake.takeIn(async () => {
        const { rows, reached, read } = await readParked(session, holdings.lanes, this.#place, limit)
        end = reached === null || read < limit
        this.#place = reached === null || end ? parkedStart : this.#after(reached, share)
        const wanted = rows.filter(row => sequencer.heldFor(row.origin) < share)
        const now = performance.now()
        for (const origin of new Set(wanted.map(row => row.origin))) sequencer.comesBack(origin, now)
        return wanted
      })
      if (end) break
    }
    if (found > 0) this.#flowingUntil = performance.now() + flowMs
    return found
  }

  /** Sets aside what memory has no room for, some at a time: new rows are looked for in between. Returns how many. */
  async makeRoom(): Promise<number> {
    const { session, sequencer, holdings, intake } = this.#parts
    if (this.#surplus.length === 0) this.#surplus = sequencer.overflow(performance.now())
    const rows = this.#surplus.splice(0, parkedAtOnce)
    if (rows.length === 0) return 0
    const lanes = holdings.among(rows.map(({ lane }) => lane))
    const ids = rows.map(({ id }) => id)
    const refused = await isolate(ids, async part => void (await park(session, part, lanes)))
    for (const { item, error } of refused) intake.refusals.refused(item, error, performance.now())
    return rows.length
  }

  /** Where to read on: at the next origin, when this one has its share in memory. */
  #after(reached: ParkedPosition, share: number): ParkedPosition {
    const isFull = this.#parts.sequencer.heldFor(reached.origin) >= share
    return isFull ? { origin: reached.origin, id: noEnd } : reached
  }
}
