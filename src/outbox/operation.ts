import type { Database } from './database.ts'
import type { ActName } from './tables.ts'

/** An act by the page or by a command. */
export interface Operation {
  readonly act: ActName
  /** The callbacks or holds, as a condition in SQL. */
  readonly condition: string
  readonly done: number | bigint
  /** Callbacks of the condition that were left alone; left out: none. */
  readonly left?: number | bigint
}

/** Most characters of a condition that are kept: a thousand ids would fill the table. */
const mostCharacters = 2_000

/**
 * Records an act in its own transaction, so that there is never one without the other. An act that changed nothing is
 * not recorded.
 *
 * @returns the id of the record.
 */
export async function recordOperation(
  db: Database,
  { act, condition, done, left = 0 }: Operation,
): Promise<string | null> {
  if (BigInt(done) === 0n) return null
  const cut = condition.length > mostCharacters ? `${condition.slice(0, mostCharacters - 1)}…` : condition
  const { id } = await db
    .insertInto('operation')
    .values({ act, condition: cut, done: String(done), left_alone: String(left) })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** Updates the count of an act that runs in many transactions. */
export async function renewOperation(db: Database, id: string, done: bigint): Promise<void> {
  await db
    .updateTable('operation')
    .set({ done: String(done) })
    .where('id', '=', id)
    .execute()
}
