import type { Faults, Given } from './given.ts'
import { allOptions, type OptionKey, variableOf } from './options.ts'
import { suggest } from './wording.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Unknown variables are faults; those of tests are not ours. */
export function* fromEnvironment(env: Environment, faults: Faults): Generator<[OptionKey, Given]> {
  const variables = allOptions().flatMap(([, option]) => variableOf(option) ?? [])
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith('RINGBACK_') || variable.startsWith('RINGBACK_TEST_')) continue
    if (!variables.includes(variable)) faults.push(unknownVariable(variable, variables))
  }
  for (const [key, option] of allOptions()) {
    const variable = [variableOf(option), 'alsoVariable' in option ? option.alsoVariable : null].find(v => v && env[v])
    if (variable) yield [key, { text: env[variable] ?? '', from: `environment variable ${variable}` }]
  }
}

/** Node itself looks at this one, and would believe any receiver. */
export function refuseUnverified(env: Environment, faults: Faults): void {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    faults.push(
      'NODE_TLS_REJECT_UNAUTHORIZED: expected that certificates are verified; got "0"; unset it, and name a private authority with tls.ca in --config',
    )
}

function unknownVariable(variable: string, known: readonly string[]): string {
  const positive = variable.replace('RINGBACK_NO_', 'RINGBACK_')
  if (positive !== variable && known.includes(positive))
    return `${variable}: unknown environment variable; write ${positive}=false`
  const near = suggest(
    variable.slice('RINGBACK_'.length),
    known.map(v => v.slice('RINGBACK_'.length)),
    v => `RINGBACK_${v}`,
  )
  return `${variable}: unknown environment variable${near}`
}
