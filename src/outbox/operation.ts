import type { Database } from './database.ts'
import type { ActName } from './tables.ts'

/** An act by the page or by a command. */
export interface Operation {
  readonly act: ActName
  /** Which callbacks or holds, as a condition in SQL. */
  readonly condition: string
  readonly done: number | bigint
  /** Callbacks that were meant and were left alone; left out: none. */
  readonly left?: number | bigint
}

/** Characters of a condition that are kept: a thousand ids would be most of the table. */
const mostCharacters = 2_000

/**
 * Within the act's own transaction, so that there is one if and only if there is the other. Nothing is recorded of what has
 * changed nothing.
 *
 * @returns the record's id.
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

/** What goes on in many transactions has done so much by now. */
export async function renewOperation(db: Database, id: string, done: bigint): Promise<void> {
  await db
    .updateTable('operation')
    .set({ done: String(done) })
    .where('id', '=', id)
    .execute()
}
