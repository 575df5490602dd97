import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

interface Import {
  /** Path below src, with `/`. */
  readonly by: string
  /** A package, a built-in module, or a path below the root. */
  readonly of: string
  /** `import type`: gone when the program runs. */
  readonly isType: boolean
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => file.replaceAll('\\', '/'))
const imports = files.flatMap(importsOf)

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, 'src', file), 'utf8')
  const statements = text.matchAll(/^(?:import|export)\b(?<type> type\b)?(?:[^;'"`()]*?\bfrom)? ?'(?<of>[^']+)'/gm)
  const dynamic = text.matchAll(/\bimport\(\s*'(?<of>[^']+)'/g)
  return [...statements, ...dynamic].map(({ groups }) => {
    const of = groups?.of ?? ''
    const path = of.startsWith('.') ? relative(root, normalize(join(root, 'src', dirname(file), of))) : of
    return { by: file, of: path.replaceAll('\\', '/'), isType: groups?.type !== undefined }
  })
}

function told({ by, of }: Import): string {
  return `src/${by} imports ${of}`
}

/** Those that import a package without being allowed to. */
function strangers(packages: readonly string[], folders: readonly string[]): string[] {
  return imports
    .filter(({ by, of }) => packages.includes(of) && !folders.some(folder => by.startsWith(`${folder}/`)))
    .map(told)
}

/** All that a file imports when it runs, and what that imports, and so on. */
function reachedFrom(file: string, seen = new Set<string>()): Import[] {
  if (seen.has(file)) return []
  seen.add(file)
  const direct = imports.filter(({ by, isType }) => by === file && !isType)
  return direct.flatMap(each => [each, ...(each.of.startsWith('src/') ? reachedFrom(each.of.slice(4), seen) : [])])
}

t.test('the imports were found', async t => {
  const found = (by: string, of: string, isType: boolean) =>
    imports.some(each => each.by === by && each.of === of && each.isType === isType)
  t.ok(imports.length > 100)
  t.ok(found('recorder.ts', 'src/outbox/record.ts', false))
  t.ok(found('recovery.ts', 'src/model.ts', true))
  t.ok(found('sequencer.ts', 'src/ids.ts', false), 'also what is exported on')
})

t.test('SQL is spoken in src/outbox alone', async t => {
  t.same(strangers(['kysely', 'pg', 'pg-listen'], ['outbox']), [])
})

t.test('callbacks go out over HTTP from src/delivery alone', async t => {
  t.same(strangers(['undici'], ['delivery']), [])
})

t.test('YAML is read in src/config alone', async t => {
  t.same(strangers(['yaml'], ['config']), [])
})

t.test('what a receiver imports needs nothing but Node: no package, and no other part of Ringback', async t => {
  const outside = reachedFrom('receiver.ts').filter(({ of }) => !/^(node:|src\/receiver\/)/.test(of))
  t.same(outside.map(told), [])
  t.ok(reachedFrom('receiver.ts').length > 5)
})

t.test('src/outbox and src/delivery do not know each other', async t => {
  const across = imports.filter(
    ({ by, of }) =>
      (by.startsWith('outbox/') && of.startsWith('src/delivery/')) ||
      (by.startsWith('delivery/') && of.startsWith('src/outbox/')),
  )
  t.same(across.map(told), [])
})

t.test('what decides does no I/O: not itself, nor through anything that it imports', async t => {
  const pure = [
    'sequencer',
    'decision',
    'etiquette',
    'lanes',
    'lease',
    'overlap',
    'recovery',
    'wake',
    'holdings',
    'model',
    'destinations',
  ]
  for (const name of pure) {
    const outside = reachedFrom(`${name}.ts`).filter(({ of }) => !of.startsWith('src/') && of !== 'tinyqueue')
    t.same(outside.map(told), [], name)
  }
})

t.test('nothing is imported from outside src, and nothing reaches into a relative path without its ending', async t => {
  const relatives = imports.filter(
    ({ of }) => of.includes('/') && !/^(node:|@)/.test(of) && !/^[a-z-]+\/[a-z-]+$/.test(of),
  )
  t.same(relatives.filter(({ of }) => !/^src\/.+\.ts$/.test(of)).map(told), [])
})

t.test('a file is one idea, and its name says which', async t => {
  for (const file of files) {
    t.notMatch(file, /(^|\/)(utils?|types?|helpers?|common|misc|shared)(\/|\.ts$)/)
  }
})
