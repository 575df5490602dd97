import type { Given } from './arguments.ts'
import { allOptions, type OptionKey, variableOf } from './options.ts'
import { suggest } from './wording.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const prefix = 'RINGBACK_'

/** Kubernetes sets these in every pod if a Service is named ringback or, for example, ringback-ui. */
const ofKubernetes = /^RINGBACK_(\w+_)?(SERVICE_HOST|SERVICE_PORT|PORT)(_\w+)?$/

/** An empty variable counts as not set. Unknown variables are faults, except those of tests and Kubernetes. */
export function fromEnvironment(env: Environment, faults: string[]): [OptionKey, Given][] {
  const known = allOptions().flatMap(([, option]) => variableOf(option) ?? [])
  const unknown = Object.keys(env).filter(
    name => /^RINGBACK_(?!TEST_)/.test(name) && !known.includes(name) && !ofKubernetes.test(name),
  )
  faults.push(...unknown.map(name => `${name}: unknown environment variable${near(name, known)}`))
  return allOptions().flatMap(([key, option]): [OptionKey, Given][] => {
    const variable = [variableOf(option), option.alsoVariable].find(name => name && env[name])
    return variable ? [[key, { text: env[variable] ?? '', from: `environment variable ${variable}` }]] : []
  })
}

function near(name: string, known: readonly string[]): string {
  const positive = name.replace('RINGBACK_NO_', prefix)
  if (positive !== name && known.includes(positive)) return `; write ${positive}=false`
  const [bare, ...others] = [name, ...known].map(each => each.slice(prefix.length))
  return suggest(bare ?? '', others, each => prefix + each)
}

/** Node itself reads this variable, and would then trust any receiver. */
export function refuseUnverified(env: Environment, faults: string[]): void {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    faults.push(
      'NODE_TLS_REJECT_UNAUTHORIZED: expected that certificates are verified; got "0"; unset it, and name a private CA by tls.ca in the file of --config',
    )
}
