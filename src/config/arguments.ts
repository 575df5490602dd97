import { parseArgs } from 'node:util'
import { allOptions, type CommandName, type OptionKey, optionsOf } from './options.ts'
import { helpFlags, quote, suggest } from './wording.ts'

/** A value as written, and its source. */
export interface Given {
  readonly text: string
  readonly from: string
}

/** A flag that a command takes. */
interface Flag {
  readonly key: OptionKey
  readonly isList: boolean
  /** The value if none is written. No option accepts an empty value, so a missing value is a fault. */
  readonly implied: 'true' | 'false' | ''
}

/** Of two equal flags the last one applies. Values of a list option are collected. */
export function fromArguments(command: CommandName, argv: readonly string[], faults: string[]): Map<OptionKey, Given> {
  const given = new Map<OptionKey, Given>()
  const flags = flagsOf(command)
  const places = optionsOf(command).flatMap(([key, option]) => (option.argument ? key : []))
  const hasPlaces = places.length > 0
  let unknown = Number.NaN
  for (const { index, name, value } of split(argv, flags)) {
    const written = argv[index] ?? ''
    const flag = name === null ? undefined : flags.get(name)
    if (flag) {
      const before = flag.isList && given.get(flag.key)
      // `--no-dead=true` is ambiguous.
      const text = flag.implied === 'false' && value !== undefined ? written : (value ?? flag.implied)
      given.set(flag.key, { text: before ? `${before.text},${text}` : text, from: 'flag' })
    } else if (name !== null) {
      faults.push(unknownFlag(command, written, [...flags.keys()]))
      if (value === undefined) unknown = index
    } else {
      const key = places.shift()
      if (key) given.set(key, { text: written, from: 'argument' })
      // An argument after an unknown flag is taken for its value, and is no second fault.
      else if (hasPlaces || index !== unknown + 1)
        faults.push(`unexpected argument ${quote(written)}; ${quote(command)} takes no more arguments`)
    }
  }
  return given
}

function flagsOf(command: CommandName): ReadonlyMap<string, Flag> {
  return new Map(
    optionsOf(command).flatMap(([key, { name, argument, value, isList = false }]): [string, Flag][] => {
      if (argument) return []
      if (value !== null) return [[name, { key, isList, implied: '' }]]
      return [
        [name, { key, isList, implied: 'true' }],
        [`no-${name}`, { key, isList, implied: 'false' }],
      ]
    }),
  )
}

/** Flags with their values, and arguments, whose name is null. */
function split(argv: readonly string[], flags: ReadonlyMap<string, Flag>) {
  const lacksValue = (written: string, next = '--') =>
    flags.get(written.replace(/^--/, ''))?.implied === '' && /^-./.test(next)
  const { tokens } = parseArgs({
    // Otherwise `--lease --poll 5s` would read `--poll` as the value of `--lease`.
    args: argv.map((each, i) => (each.startsWith('--') && lacksValue(each, argv[i + 1]) ? `${each}=` : each)),
    options: Object.fromEntries(
      [...flags].map(([name, { implied }]) => [name, { type: implied === '' ? 'string' : 'boolean' }]),
    ),
    strict: false,
    tokens: true,
  })
  return tokens.flatMap((token, i) => {
    // `-lease` yields a token for each letter.
    if (token.kind === 'option-terminator' || token.index === tokens[i - 1]?.index) return []
    return { index: token.index, name: token.kind === 'option' ? token.name : null, value: token.value }
  })
}

function unknownFlag(command: CommandName, argument: string, known: readonly string[]): string {
  const written = argument.replace(/=.*/s, '')
  const elsewhere = allOptions().find(([, { name, argument }]) => `--${name}` === written && !argument)?.[1]
  if (elsewhere) return `${written}: not an option of ${quote(command)}, but of ${elsewhere.commands.join(', ')}`
  return `${written}: unknown option${suggest(`--${written.replace(/^-+/, '')}`, [...known.map(name => `--${name}`), ...helpFlags], name => name)}`
}
