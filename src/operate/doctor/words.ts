/** With a capital letter, as a sentence begins. */
export function capital(sentence: string): string {
  return sentence.slice(0, 1).toUpperCase() + sentence.slice(1)
}

/** As `capital`, unless it begins with the name of a setting. */
export function headline(found: string): string {
  return /^(\w+_\w+|fsync|autovacuum)\b/.test(found) ? found : capital(found)
}

/** `1 fault`, `2 faults`; empty for 0. */
export function countOf(count: number, noun: string): string {
  if (count === 0) return ''
  return count === 1 ? `1 ${noun}` : `${count} ${noun}s`
}
