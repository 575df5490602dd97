import { AutoResetEvent } from './auto-reset-event.ts'

/** Work in short steps, done now and then. */
export interface Chore {
  /** When the next step may be made, by `performance.now()`. */
  readonly nextAt: number
  step(): Promise<void>
}

/**
 * Does chores until `waiting` has settled, and at least one step that is due: a busy relay has no longer pauses.
 *
 * @returns the result of `waiting`, at most one step later.
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
