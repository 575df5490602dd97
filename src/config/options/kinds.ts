/** What an option can be: a duration, a whole number, a text, a moment, one of some words, on or off, a list. */
import type { CommandName } from './commands.ts'

interface Described {
  /** Without dashes. */
  readonly name: string
  readonly commands: readonly CommandName[]
  /** One paragraph: what, special values, relation to other options. Default, range and variable are added by `usage`. */
  readonly help: string
}

export interface Duration extends Described {
  readonly type: 'duration'
  /** These three in milliseconds. */
  readonly default: number
  readonly min: number
  readonly max: number
}

export interface Integer extends Described {
  readonly type: 'integer'
  readonly unit: string
  readonly default: number
  readonly min: number
  readonly max: number
}

export interface Text extends Described {
  readonly type: 'text'
  /** How the value is called in the help. */
  readonly value: string
  readonly default: string | null
  /** What holds without it, in words, where `default` does not say it. */
  readonly otherwise?: string
  readonly accepts: (text: string) => boolean
  readonly expected: string
  /** Never repeated in a message. */
  readonly secret?: true
  /** A second environment variable, looked at last. */
  readonly alsoVariable?: string
  /** Given without a flag, by its place, and required; has no environment variable. */
  readonly argument?: true
  /** Of an argument: not required. */
  readonly optional?: true
}

/** A moment: ISO 8601, or a duration ago. The config holds ISO 8601 in UTC. */
export interface Time extends Described {
  readonly type: 'time'
  readonly default: null
  readonly otherwise: string
}

export interface Choice extends Described {
  readonly type: 'choice'
  readonly value: string
  readonly choices: readonly string[]
  readonly default: string
}

export interface Flag extends Described {
  readonly type: 'flag'
  readonly default: boolean
}

/** Repeatable, or separated by commas. */
export interface List extends Described {
  readonly type: 'list'
  readonly value: string
  readonly default: readonly string[]
  readonly otherwise: string
  /** Of each item. */
  readonly accepts: (text: string) => boolean
  readonly expected: string
}

export type Option = Duration | Integer | Text | Time | Choice | Flag | List
