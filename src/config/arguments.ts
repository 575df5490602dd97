import { parseArgs } from 'node:util'
import type { Faults, Given } from './given.ts'
import { allOptions, type CommandName, type Option, type OptionKey, optionsOf } from './options.ts'
import { quote, suggest } from './wording.ts'

/** One element of `argv`, or an option with the element behind it. */
interface Argument {
  /** As written. */
  readonly written: string
  /** null: not an option. */
  readonly name: string | null
  /** Behind `=`. */
  readonly inline: string | null
  /** The element behind, when that is no option. */
  readonly next: string | null
}

/**
 * parseArgs is told no options: it then tells flags from values by their form alone, and an option that lacks its value does
 * not swallow the flag behind it, nor does an unknown one leave its value behind as a second fault.
 */
function split(argv: readonly string[]): Argument[] {
  const { tokens } = parseArgs({ args: [...argv], strict: false, tokens: true, options: {} })
  const distinct = tokens.filter(
    (token, i) => token.kind !== 'option-terminator' && token.index !== tokens[i - 1]?.index,
  )
  return distinct.map((token, i) => {
    const behind = distinct[i + 1]
    return {
      written: argv[token.index] ?? '',
      name: token.kind === 'option' ? token.name : null,
      inline: token.kind === 'option' ? (token.value ?? null) : null,
      next: behind?.kind === 'positional' && behind.index === token.index + 1 ? behind.value : null,
    }
  })
}

/** The last of two equal flags wins; items of a list add up. */
export function fromArguments(command: CommandName, argv: readonly string[], faults: Faults): Map<OptionKey, Given> {
  const given = new Map<OptionKey, Given>()
  const takesArgument = optionsOf(command).some(([, option]) => 'argument' in option)
  const queue = split(argv)
  for (let argument = queue.shift(); argument !== undefined; argument = queue.shift()) {
    const [key, option] = find(command, argument, given) ?? []
    if (key === undefined || option === undefined) {
      faults.push(unexpected(command, argument))
      if (argument.next !== null && argument.name !== null && !takesArgument) queue.shift()
      continue
    }
    const text = textOf(option, argument)
    if (argument.name !== null && argument.inline === null && text === argument.next) queue.shift()
    const before = option.type === 'list' ? given.get(key) : undefined
    given.set(key, {
      text: before ? `${before.text},${text}` : text,
      from: argument.name === null ? 'argument' : 'flag',
    })
  }
  return given
}

function find(command: CommandName, argument: Argument, given: ReadonlyMap<OptionKey, Given>) {
  return optionsOf(command).find(([key, option]) => {
    if ('argument' in option) return argument.name === null && !given.has(key)
    return option.name === argument.name || (option.type === 'flag' && `no-${option.name}` === argument.name)
  })
}

/** Empty when the value is missing: no option accepts that. */
function textOf(option: Option, argument: Argument): string {
  if (option.type !== 'flag')
    return argument.inline ?? (argument.name === null ? argument.written : argument.next) ?? ''
  return argument.inline ?? String(argument.name === option.name)
}

function unexpected(command: CommandName, argument: Argument): string {
  if (argument.name === null)
    return `unexpected argument ${quote(argument.written)}; ${quote(command)} takes no more of them`
  const written = argument.written.replace(/=.*/s, '')
  const elsewhere = allOptions().find(([, option]) => option.name === argument.name && !('argument' in option))?.[1]
  if (elsewhere) return `${written}: not an option of ${quote(command)}, but of ${elsewhere.commands.join(', ')}`
  const names = optionsOf(command).flatMap(([, option]) => ('argument' in option ? [] : option.name))
  return `${written}: unknown option${suggest(written.replace(/^-+/, ''), names, name => `--${name}`)}`
}
