import type { Database } from './database.ts'

/** @returns how many holds are gone: none where somebody else has released it. */
export async function releaseHold(db: Database, id: string): Promise<bigint> {
  const { numDeletedRows } = await db.deleteFrom('hold').where('id', '=', id).executeTakeFirst()
  return numDeletedRows
}
