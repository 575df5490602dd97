import { isRefusal } from './database-errors.ts'

/** An item that PostgreSQL refused, and why. */
export interface Refused<Item> {
  readonly item: Item
  readonly error: Error
}

/**
 * Runs a statement for many items when one can make PostgreSQL refuse all (a byte that does not convert, a CHECK, a
 * user's trigger). Halves them until each refused item is alone.
 *
 * @param run must also work for no items.
 * @param isRefused whether an error is such a refusal. Any other ends it.
 * @throws when PostgreSQL refuses it even without items: then no item is to blame, but a grant, a table or a setting.
 */
export async function isolate<Item>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<void>,
  isRefused: (error: unknown) => error is Error = isRefusal,
): Promise<Refused<Item>[]> {
  const refusal = async (part: readonly Item[]): Promise<Error | null> => {
    try {
      await run(part)
      return null
    } catch (error) {
      if (isRefused(error)) return error
      throw error
    }
  }
  const error = items.length > 0 && (await refusal(items))
  if (!error) return []
  await run([])
  return halve(items, refusal, error)
}

async function halve<Item>(
  items: readonly Item[],
  refusal: (items: readonly Item[]) => Promise<Error | null>,
  error: Error,
): Promise<Refused<Item>[]> {
  if (items.length <= 1) return items.map(item => ({ item, error }))
  const middle = items.length >> 1
  const refused: Refused<Item>[] = []
  for (const half of [items.slice(0, middle), items.slice(middle)]) {
    const again = await refusal(half)
    if (again) refused.push(...(await halve(half, refusal, again)))
  }
  return refused
}
