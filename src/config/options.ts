/**
 * All commands and options, as one table. `config` reads values by it and `usage` writes the help from it, so the two
 * cannot disagree. A key is the field of the config object and carries the unit; `name` is the flag, `--name`, and, in
 * capitals behind `RINGBACK_`, the environment variable.
 */
import type { Destinations } from '../policy/destinations.ts'
import { argumentOptions, choosingOptions } from './options/choosing.ts'
import type { CommandName } from './options/commands.ts'
import { databaseOptions } from './options/database.ts'
import { deliveringOptions } from './options/delivering.ts'
import type { Choice, Duration, Flag, Integer, List, Option } from './options/kinds.ts'
import { reachingOptions } from './options/reaching.ts'
import { runningOptions } from './options/running.ts'
import { showingOptions } from './options/showing.ts'
import { wakingOptions } from './options/waking.ts'

export { type CommandName, commands } from './options/commands.ts'
export type { Option } from './options/kinds.ts'

/** In the order of the help. */
export const options = {
  ...argumentOptions,
  ...databaseOptions,
  ...wakingOptions,
  ...deliveringOptions,
  ...reachingOptions,
  ...runningOptions,
  ...choosingOptions,
  ...showingOptions,
} as const satisfies Record<string, Option>

type Options = typeof options
export type OptionKey = keyof Options

type ValueOf<O extends Option> = O extends Duration | Integer
  ? number
  : O extends Flag
    ? boolean
    : O extends List
      ? readonly string[]
      : O extends Choice
        ? O['choices'][number]
        : O extends { readonly argument: true; readonly optional?: never }
          ? string
          : O extends { readonly default: null }
            ? string | null
            : string

/** Every option with its value, of whatever command. */
export type Values = { readonly [K in OptionKey]: ValueOf<Options[K]> }

/** What a command gets: its options only, each with a valid value. All commands have a log level. */
export type ConfigOf<C extends CommandName> = Pick<Values, 'logLevel'> & {
  readonly [K in OptionKey as C extends Options[K]['commands'][number] ? K : never]: Values[K]
} & (C extends 'run' ? Made : unknown)

/** What is made of the options of `run`, rather than one of them. */
interface Made {
  /** How each origin is delivered to, by `--config` and the options that hold for all. */
  readonly destinations: Destinations
}

/** The options of a command, in the order of the help. */
export function optionsOf(command: CommandName): readonly (readonly [OptionKey, Option])[] {
  return allOptions().filter(([, option]) => option.commands.includes(command))
}

export function allOptions(): readonly (readonly [OptionKey, Option])[] {
  return Object.entries(options) as [OptionKey, Option][]
}

/** Such as `RINGBACK_MAX_ATTEMPTS`; null for an argument without a flag. */
export function variableOf(option: Option): string | null {
  if ('argument' in option) return null
  return `RINGBACK_${option.name.toUpperCase().replaceAll('-', '_')}`
}
