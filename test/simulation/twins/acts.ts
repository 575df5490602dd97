import type { Dice } from '../dice.ts'

/** Acts by name. */
export type Acts = Readonly<Record<string, () => Promise<void>>>

export function anyKey(dice: Dice): string {
  return `k${dice.whole(1, 5)}`
}

/** Some of these URLs are different spellings of one URL. */
export function anyUrl(dice: Dice): string {
  const n = dice.whole(1, 3)
  const origin = dice.pick([`http://r${n}.example`, `http://r${n}.example`, `HTTP://R${n}.Example.:80`])
  return origin + dice.pick(['/p1', '/p2', '/p1', '/p2', '/p1?', '/p1/a', '/p1?a=1', '/p10', ''])
}

/** A prefix that a hold may have. */
export function anyPrefix(dice: Dice): string {
  const n = dice.whole(1, 3)
  return dice.pick([anyUrl(dice), anyUrl(dice), `http://r${n}.example`, `http://r${n}.example/p1/`, 'http://'])
}
