import { isRefusal } from './database-errors.ts'

/** What PostgreSQL does not do for one item, and why. */
export interface Refused<Item> {
  readonly item: Item
  readonly error: Error
}

/**
 * Runs a statement for many items, of which a single one can make PostgreSQL refuse all: by a byte that does not convert, by
 * a CHECK, by a trigger of the user's. They are halved until those that are refused are alone; all others are done.
 *
 * A statement that is refused even without any item is at fault itself, by a missing grant, a table that is gone, or a
 * setting: that is thrown, and no item is blamed.
 *
 * @param run runs it for these items and takes in what was done; for none as well.
 */
export async function isolate<Item>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<void>,
): Promise<Refused<Item>[]> {
  const error = items.length > 0 && (await refusal(items, run))
  if (!error) return []
  await run([])
  return halve(items, run, error)
}

async function halve<Item>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<void>,
  error: Error,
): Promise<Refused<Item>[]> {
  if (items.length <= 1) return items.map(item => ({ item, error }))
  const middle = items.length >> 1
  const refused: Refused<Item>[] = []
  for (const half of [items.slice(0, middle), items.slice(middle)]) {
    const again = await refusal(half, run)
    if (again) refused.push(...(await halve(half, run, again)))
  }
  return refused
}

async function refusal<Item>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<void>,
): Promise<Error | null> {
  try {
    await run(items)
    return null
  } catch (error) {
    if (isRefusal(error)) return error
    throw error
  }
}
