import type { Faults, Given, Value } from './given.ts'
import { invariants } from './options/invariants.ts'
import { type Option, type OptionKey, options, type Values } from './options.ts'
import { defaultText, flagOf, shown } from './wording.ts'

/** A rule is held only against values that could be read. */
export function holdInvariants(
  read: ReadonlyMap<OptionKey, Value>,
  given: ReadonlyMap<OptionKey, Given>,
  faults: Faults,
): void {
  const values = Object.fromEntries(read) as unknown as Values
  for (const { of, broken, rule } of invariants) {
    if (!of.every(key => read.has(key)) || !broken(values)) continue
    const parts = of.map(key => describe(options[key], given.get(key)))
    faults.push(`${parts.join(', ')}: ${rule}`)
  }
}

/** Such as `--lease 15s (environment variable RINGBACK_LEASE)`. */
function describe(option: Option, given: Given | undefined): string {
  if (given) return `${flagOf(option)} ${shown(option, given.text)} (${given.from})`
  return `${flagOf(option)} ${defaultText(option)} (default)`
}
