/** Numbers in [0, 1) that repeat with their seed (mulberry32). Not for secrets. */
export type Random = () => number

export function randomFrom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A 32-bit number that looks random and is the same for the same text (FNV-1a, with its bits mixed once more). */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return Math.floor(randomFrom(hash)() * 4_294_967_296)
}

/** A number from `from` up to, not including, `to`. */
export function between(random: Random, from: number, to: number): number {
  return from + random() * (to - from)
}

/** One of the list. */
export function pick<T>(random: Random, list: readonly T[]): T {
  const chosen = list[Math.floor(random() * list.length)]
  if (chosen === undefined) throw new Error('There is nothing to pick from')
  return chosen
}
