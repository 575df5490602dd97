import { isRefusal } from './database-errors.ts'

/** An item that PostgreSQL refused, and why. */
export interface Refused<Item> {
  readonly item: Item
  readonly error: Error
}

/**
 * Runs a statement for many items when a single one can make PostgreSQL refuse all: by a byte that does not convert, a
 * CHECK, or a user's trigger. The items are halved until each refused one is alone. All others are done.
 *
 * If PostgreSQL refuses the statement even without items, the fault is elsewhere: a missing grant, a missing table, a
 * setting. Then that error is thrown, and no item is blamed.
 *
 * @param run runs the statement for these items and takes in the result; must also work for none.
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
