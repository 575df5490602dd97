import type { Database } from '../database.ts'
import type { AttemptName } from '../wire.ts'

/** Between taking its snapshot, locking its rows and committing: others go on meanwhile. */
export const pauseOnServer = 'pause'
/** It waits for a lock and tries again. */
export const waitForLock = 'wait'
export type Pause = typeof pauseOnServer | typeof waitForLock

/** A statement as the server runs it: up to its snapshot, to its end, and the rows it returns. */
export type Answer = Generator<Pause, readonly unknown[]>

/** Who runs it. */
export interface Backend {
  /** Which relay's, and what for. */
  readonly name: string
  readonly pid: number
  /** Whether the process at the other end lives. */
  readonly isAlive: () => boolean
  /** Whether that process has begun this attempt itself, whatever became of it. */
  readonly hasBegun: (attempt: AttemptName) => boolean
  /** Of the registration that its application name bears; null: it bears none. */
  epoch: string | null
}

export type ServerStatement = (db: Database, values: readonly unknown[], backend: Backend) => Answer

/** A statement that is done in a moment. */
export function atOnce(
  run: (db: Database, values: readonly unknown[], backend: Backend) => readonly unknown[],
): ServerStatement {
  // biome-ignore lint/correctness/useYield: it has nothing to pause for
  return function* answer(db, values, backend) {
    return run(db, values, backend)
  }
}
