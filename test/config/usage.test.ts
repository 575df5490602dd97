import t from 'tap'
import { parse } from '../../src/config/config.ts'
import { type CommandName, commands, type Option, optionsOf, variableOf } from '../../src/config/options.ts'
import { commandUsage, usage } from '../../src/config/usage.ts'

const names = Object.keys(commands) as CommandName[]

/** What stands in the help beside an option, as one line. */
function besides(command: CommandName, option: Option): string {
  const text = commandUsage(command).replace(/\n {4,}/g, ' ')
  return text.split('\n').find(line => new RegExp(`^ {2}--(\\[no-\\])?${option.name}( |$)`).test(line)) ?? ''
}

/** What `run` says to one value; invariants may complain, with the value behind the name. */
function complaint(option: Option, text: string): string {
  try {
    parse('run', [`--${option.name}=${text}`], {})
    return ''
  } catch (error) {
    return String(error)
  }
}

/** The least that a command must be given. */
const required: Readonly<Partial<Record<CommandName, readonly string[]>>> = {
  cancel: ['--id', '1'],
  hold: ['https://crm.example/', '--reason', 'maintenance'],
  release: ['https://crm.example/'],
  attempts: ['1'],
  replay: ['--id', '1'],
  try: ['https://crm.example/'],
  completion: ['bash'],
}

t.test('the overview names every command, every exit code, and where the database comes from', async t => {
  for (const name of names) t.match(usage(), new RegExp(`^  ${name}\\b`, 'm'), name)
  for (const code of [0, 1, 2, 3, 4]) t.match(usage(), new RegExp(`^  ${code} +\\w`, 'm'), `exit code ${code}`)
  t.match(usage(), /DATABASE_URL/)
  t.match(usage(), /Examples:/)
})

t.test('every option is shown in the help of its command, with its variable', async t => {
  for (const command of names) {
    for (const [, option] of optionsOf(command)) {
      if ('argument' in option) t.match(commandUsage(command), `<${option.name}>`)
      else t.match(besides(command, option), `Environment: ${variableOf(option)}.`, `${command} --${option.name}`)
    }
    t.match(commandUsage(command), /-h, --help.*--version/s)
  }
})

t.test('every default in the help, when it is given, changes nothing', async t => {
  for (const command of names) {
    const rest = required[command] ?? []
    for (const [key, option] of optionsOf(command)) {
      if ('argument' in option || 'otherwise' in option) continue
      const [, shown = ''] = /Default: ([^ .]+)/.exec(besides(command, option)) ?? []
      const defaults: Partial<Record<string, unknown>> = parse(command, rest, {}).config
      if (option.name === 'dead') continue
      const given: Partial<Record<string, unknown>> = parse(command, [...rest, `--${option.name}=${shown}`], {}).config
      t.equal(given[key], defaults[key], `${command} --${option.name}=${shown}`)
    }
  }
})

t.test('both ends of every range in the help are accepted as such', async t => {
  for (const [, option] of optionsOf('run')) {
    const [, min, max] = /Range: (\w+) to (\w+)\./.exec(besides('run', option)) ?? []
    for (const end of [min, max]) {
      if (end === undefined) continue
      t.notMatch(complaint(option, end), `--${option.name} (flag)`, `--${option.name}=${end}`)
    }
  }
})

t.test('no line of the help is longer than 100 columns, and no name touches its text', async t => {
  for (const text of [usage(), ...names.map(commandUsage)]) {
    t.same(
      text.split('\n').filter(line => line.length > 100),
      [],
    )
    t.ok(text.endsWith('\n'))
  }
  for (const command of names) {
    t.notMatch(commandUsage(command), /^ {2}--\S+( [A-Z]+)?(?<! ) ?[A-Z][a-z]/m, command)
  }
})
