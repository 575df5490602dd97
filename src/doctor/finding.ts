import type { Facts } from '../outbox/doctor.ts'

/** What one check found. */
export interface Finding {
  /** `fault`: stops or endangers delivery. `warning`: costs, or may come to that. */
  readonly severity: 'warning' | 'fault'
  readonly found: string
  readonly meaning: string
  readonly remedy: string
}

/** One question to the facts; null: nothing to say. */
export interface Check {
  /** For programs; stable. */
  readonly name: string
  /** The part of the facts that it judges; when that part is null, the check was not made. */
  readonly by: Exclude<keyof Facts, 'unseen'>
  readonly judge: (facts: Facts) => Finding | null
}

/** A check of one part of the facts, which is there. */
export function check<K extends Check['by']>(
  by: K,
  name: string,
  judge: (part: NonNullable<Facts[K]>) => Finding | null,
): Check {
  return {
    name,
    by,
    judge: facts => {
      const part = facts[by]
      return part === null ? null : judge(part as NonNullable<Facts[K]>)
    },
  }
}

export function warning(found: string, meaning: string, remedy: string): Finding {
  return { severity: 'warning', found, meaning, remedy }
}

export function fault(found: string, meaning: string, remedy: string): Finding {
  return { severity: 'fault', found, meaning, remedy }
}

/** A duration for people, in the largest unit that leaves a whole number of at least two. */
export function spell(seconds: number): string {
  const units: [string, number][] = [
    ['days', 86_400],
    ['h', 3_600],
    ['min', 60],
  ]
  const [unit, length] = units.find(([, each]) => seconds >= 2 * each) ?? ['s', 1]
  return `${Math.floor(seconds / length)} ${unit}`
}

/** The first five, and how many more there are. */
export function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(', ')
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown
}
