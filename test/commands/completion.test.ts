import { readFileSync } from 'node:fs'
import t from 'tap'
import { ringback } from '../fixtures/ringback.ts'

t.test('it prints the files that are in the package', async t => {
  for (const [shell, file] of [
    ['bash', 'ringback.bash'],
    ['zsh', '_ringback'],
    ['fish', 'ringback.fish'],
  ] as const) {
    const text = readFileSync(new URL(`../../deploy/completions/${file}`, import.meta.url), 'utf8')
    t.same(await ringback(['completion', shell]), { code: 0, out: text, err: '' })
  }
})

t.test('another shell, or none, is a fault', async t => {
  t.match(await ringback(['completion', 'tcsh']), { code: 2, out: '', err: /expected bash, zsh, fish.*got "tcsh"/ })
  t.match(await ringback(['completion', 'bsh']), { code: 2, out: '', err: /did you mean "bash"/ })
  t.match(await ringback(['completion']), { code: 2, out: '' })
})
