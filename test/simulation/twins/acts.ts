import type { Dice } from '../dice.ts'

/** What may be done, by its name. */
export type Acts = Readonly<Record<string, () => Promise<void>>>

export function anyKey(dice: Dice): string {
  return `k${dice.whole(1, 5)}`
}

export function anyUrl(dice: Dice): string {
  return `http://r${dice.whole(1, 3)}.example/p${dice.whole(1, 2)}`
}
