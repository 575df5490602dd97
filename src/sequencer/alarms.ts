import TinyQueue from 'tinyqueue'
import type { Row } from './row.ts'

/** Void alarms are worth a clean-up when there are as many as this, and more than live ones. */
const untidy = 1_000

/** Rows that wait for their time. A cancelled alarm is void and stays in the heap until it rings or there are too many. */
export class Alarms {
  #heap = new TinyQueue<Alarm>([], earliestFirst)
  #void = 0

  /** Rings when the row is due. */
  set(row: Row): void {
    row.alarm = { row, at: row.dueAt }
    this.#heap.push(row.alarm)
  }

  cancel(row: Row): void {
    if (!row.alarm) return
    row.alarm.row = undefined
    row.alarm = undefined
    this.#void += 1
    if (this.#void >= untidy && this.#void * 2 > this.#heap.length) this.#tidy()
  }

  /** When the next row is due; undefined when none waits. */
  nextAt(): number | undefined {
    for (let alarm = this.#heap.peek(); alarm; alarm = this.#heap.peek()) {
      if (alarm.row) return alarm.at
      this.#heap.pop()
      this.#void -= 1
    }
    return undefined
  }

  /** Takes out the next row that is due by `now`. */
  shift(now: number): Row | undefined {
    const at = this.nextAt()
    if (at === undefined || at > now) return undefined
    const row = this.#heap.pop()?.row
    if (row) row.alarm = undefined
    return row
  }

  #tidy(): void {
    this.#heap = new TinyQueue(
      this.#heap.data.filter(({ row }) => row),
      earliestFirst,
    )
    this.#void = 0
  }
}

export interface Alarm {
  readonly at: number
  /** undefined: void, its row went on otherwise. */
  row: Row | undefined
}

function earliestFirst(a: Alarm, b: Alarm): number {
  return a.at - b.at
}
