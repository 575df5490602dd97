import { readFileSync } from 'node:fs'
import t from 'tap'

interface Locked {
  readonly version?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly integrity?: string
}

/** What an installation for production brings, by folder. */
const locked = Object.entries(packages()).filter(([folder, { dev }]) => folder !== '' && !dev)

/** They ask for no more than that their text is passed on. */
const licences = new Set(['MIT', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'Apache-2.0'])

function packages(): Record<string, Locked> {
  return JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')).packages
}

t.test(
  'what is installed for production runs no script, is pinned to its bytes, and may be used by anybody',
  async t => {
    t.ok(locked.length > 10)
    for (const [folder, { license, hasInstallScript, integrity }] of locked) {
      t.notOk(hasInstallScript, `${folder} needs no install script`)
      t.match(integrity, /^sha512-/, `${folder} is pinned`)
      t.ok(licences.has(license ?? ''), `${folder} has licence ${license}`)
    }
  },
)

t.test('direct dependencies are pinned to a version', async t => {
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies }))
    t.match(range, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
})
