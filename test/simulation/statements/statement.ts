import type { Database } from '../database.ts'
import type { AttemptName } from '../wire.ts'

/** A pause between snapshot, locks and commit, in which other statements go on. */
export const pauseOnServer = 'pause'
/** The statement waits for a lock and tries again. */
export const waitForLock = 'wait'
export type Pause = typeof pauseOnServer | typeof waitForLock

/** A running statement. It yields pauses, and returns the rows of its result. */
export type Answer = Generator<Pause, readonly unknown[]>

/** The session that runs a statement. */
export interface Backend {
  /** The relay's name, and the session's purpose. */
  readonly name: string
  readonly pid: number
  /** Whether the relay's process lives. */
  readonly isAlive: () => boolean
  /** Whether that process has begun this attempt itself. */
  readonly hasBegun: (attempt: AttemptName) => boolean
  /** The epoch in its application name; null: none. */
  epoch: string | null
}

export type ServerStatement = (db: Database, values: readonly unknown[], backend: Backend) => Answer

/** A statement without pauses. */
export function atOnce(
  run: (db: Database, values: readonly unknown[], backend: Backend) => readonly unknown[],
): ServerStatement {
  // biome-ignore lint/correctness/useYield: it has nothing to pause for
  return function* answer(db, values, backend) {
    return run(db, values, backend)
  }
}
