/** What is installed on a machine: units of systemd, the man page, completions. Each is tried by its own program. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from '../../src/config/config.ts'
import { missingProgram } from '../fixtures/missing-program.ts'

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url))
const read = (name: string) => readFileSync(join(deploy, name), 'utf8')
const units = readdirSync(join(deploy, 'systemd'))

/** What the program prints, to stdout and stderr. */
function printed(program: string, args: readonly string[]): string {
  return execFileSync('/bin/sh', ['-c', 'exec "$0" "$@" 2>&1', program, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
    env: { ...process.env, LC_ALL: 'C.UTF-8', MANWIDTH: '80' },
  })
}

t.test(
  'systemd accepts the units, and calls them safe',
  { skip: missingProgram('systemd-analyze', 'systemd') },
  async t => {
    // Ringback need not be installed here.
    const files = Object.fromEntries(
      units.map(name => [name, read(`systemd/${name}`).replace(/^ExecStart=ringback /m, 'ExecStart=/bin/true ')]),
    )
    const folder = t.testdir(files)
    t.same(units, ['ringback-ui.service', 'ringback.service'])
    for (const name of units) {
      t.equal(printed('systemd-analyze', ['verify', '--man=no', join(folder, name)]), '', name)
      // In tenths: below 3.0. It ends with an error above.
      printed('systemd-analyze', ['security', '--offline=true', '--threshold=29', join(folder, name)])
    }
  },
)

t.test(
  'a unit waits longer for its end than the relay for its POSTs, and tries again unless a setting is wrong',
  async t => {
    const unit = read('systemd/ringback.service')
    const [, seconds] = unit.match(/^TimeoutStopSec=(\d+)$/m) ?? []
    t.ok(Number(seconds) * 1_000 > parse('run', [], {}).config.graceMs)
    for (const name of units) t.match(read(`systemd/${name}`), /^Restart=always$[\s\S]*^RestartPreventExitStatus=2$/m)
  },
)

t.test('man shows the page without a warning', { skip: missingProgram('man', 'man-db') }, async t => {
  const args = ['--warnings', '--no-hyphenation', '--pager=cat', '--local-file', join(deploy, 'man/ringback.1')]
  const page = printed('man', args)
  t.notMatch(page, /^(troff|man|<standard input>|\S*ringback\.1):/m)
  for (const heading of ['NAME', 'SYNOPSIS', 'COMMANDS', 'ENVIRONMENT', 'EXIT STATUS', 'EXAMPLES'])
    t.match(page, new RegExp(`^${heading}$`, 'm'))
  t.match(page, /--log-format FORMAT\s+json: one line per event/)
})

/** A line, and what can stand where it ends. */
const completed: readonly (readonly [string, readonly string[]])[] = [
  ['ringback re', ['release', 'replay']],
  ['ringback run --log-', ['--log-format', '--log-level']],
  ['ringback run --log-format ', ['auto', 'json', 'pretty']],
  ['ringback run --no-', ['--no-prepared']],
  ['ringback run --lease ', []],
  ['ringback sql purge', ['purge_history']],
  ['ringback help he', ['health']],
]

t.test('bash completes', { skip: missingProgram('bash', 'bash') }, async t => {
  const script = `
    source "$1"
    COMP_WORDS=("\${@:2}") COMP_CWORD=$(($# - 2))
    _ringback
    printf '%s\\n' "\${COMPREPLY[@]}"`
  const after = (words: readonly string[]) =>
    printed('bash', ['--norc', '-c', script, 'bash', join(deploy, 'completions/ringback.bash'), ...words])
  for (const [line, expected] of completed)
    t.same(after(line.split(' ')).split('\n').filter(Boolean).sort(), expected, line)
  // As bash itself takes it apart.
  t.same(after(['ringback', 'run', '--log-format', '=', 'j']), 'json\n')
  t.match(after(['ringback', 'run', '--config', `${deploy}comp`]), /completions\n.*compose\.yaml\n/)
})

t.test('fish completes', { skip: missingProgram('fish', 'fish') }, async t => {
  const script = `source ${deploy}completions/ringback.fish; complete -C $argv`
  for (const [line, expected] of completed) {
    const shown = printed('fish', ['--no-config', '-c', script, line]).split('\n')
    t.same(
      shown
        .map(each => each.split('\t')[0])
        .filter(Boolean)
        .sort(),
      expected,
      line,
    )
  }
})

t.test('zsh completes', { skip: missingProgram('zsh', 'zsh') }, async t => {
  // Only a terminal completes. `zpty -r` waits until its pattern has come.
  const script = `
    zmodload zsh/zpty
    zpty terminal zsh -f -i
    zpty -w terminal "PS1=; unset zle_bracketed_paste; fpath=($1completions \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^I' list-choices; print -r -- REA''DY"
    zpty -r -m terminal out '*READY*'
    zpty -n -w terminal $'ringback run --log-\\t'
    zpty -r -m terminal out '*--log-format*json: one line an event*--log-level*'
    print -r -- $out`
  t.match(printed('zsh', ['-f', '-c', script, 'zsh', deploy]), /--log-format/)
})
