import { AutoResetEvent } from './auto-reset-event.ts'

/** Something that is done now and then, in short steps. */
export interface Chore {
  /** When the next step may be made, as `performance.now()` shows it. */
  readonly nextAt: number
  step(): Promise<void>
}

/**
 * Does chores until `waiting` has settled; one step when that is so at once, since the time between the reads of a busy relay
 * consists of such moments.
 *
 * @returns what `waiting` resolves with, at most one step later.
 */
export async function meanwhile<T>(waiting: Promise<T>, chores: readonly [Chore, ...Chore[]]): Promise<T> {
  const settled = new AutoResetEvent()
  let isOver = false
  const over = () => {
    isOver = true
    settled.set()
  }
  waiting.then(over, over)
  do {
    const next = chores.reduce((first, each) => (each.nextAt < first.nextAt ? each : first))
    await settled.wait(next.nextAt - performance.now())
    if (performance.now() >= next.nextAt) await next.step()
  } while (!isOver)
  return waiting
}
