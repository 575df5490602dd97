import type { Database } from './database.ts'

/** Callbacks to that URL, and to what is below it, wait from the commit on. */
export async function hold(db: Database, urlPrefix: string, reason: string): Promise<void> {
  await db.insertInto('hold').values({ url_prefix: urlPrefix, reason }).execute()
}

/** @returns how many holds are gone: none where somebody else has released it. */
export async function releaseHold(db: Database, id: string): Promise<bigint> {
  const { numDeletedRows } = await db.deleteFrom('hold').where('id', '=', id).executeTakeFirst()
  return numDeletedRows
}
