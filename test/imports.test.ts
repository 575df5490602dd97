/** Who may import whom, where SQL, HTTP and YAML are spoken, and what does no I/O. Type imports count like all others. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** A room imports from itself and from the rows below its own; rooms of one row do not know each other. */
const rows: readonly (readonly string[])[] = [
  ['cli', 'index'],
  ['commands'],
  ['operate'],
  ['relay'],
  ['config', 'membership'],
  ['backlog', 'outbox', 'delivery', 'receiver'],
  ['policy', 'log'],
  ['model', 'bounded-map', 'errors', 'ids', 'pause', 'printable', 'trace-context', 'version'],
]

/** Packages with one room each; all others are free. */
const rooms: Readonly<Record<string, string>> = {
  kysely: 'outbox',
  pg: 'outbox',
  'pg-listen': 'outbox',
  undici: 'delivery',
  'ipaddr.js': 'delivery',
  yaml: 'config',
  leven: 'config',
  valibot: 'config',
  pino: 'log',
  'pino-pretty': 'log',
  tinyqueue: 'backlog',
  'prom-client': 'operate',
  '@opentelemetry/api': 'operate',
}

/** What decides: functions of their arguments, without I/O and without a clock of their own. */
const pure = [/^backlog\//, /^policy\//, /^membership\/(division|lease|watch)\.ts$/, /^relay\/(tip|wake)\.ts$/]

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

interface Import {
  /** Path below src, with `/`. */
  readonly by: string
  /** A package, a built-in module, or a path below the root. */
  readonly of: string
  /** `import type`, or all of its names are types: gone when the program runs. */
  readonly isType: boolean
}

const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts'))
  .map(file => file.replaceAll('\\', '/'))
const textOf = (file: string) => readFileSync(join(root, 'src', file), 'utf8')
const imports = files.flatMap(importsOf)

function importsOf(file: string): Import[] {
  const text = textOf(file)
  const statements = text.matchAll(/^(?:import|export)\b(?<type> type\b)?(?:[^;'"`()]*?\bfrom)? ?'(?<of>[^']+)'/gm)
  const later = text.matchAll(/\b(?:import|createRequire\(import\.meta\.url\))\(\s*'(?<of>[^']+)'/g)
  return [...statements, ...later].map(({ groups }) => {
    const of = groups?.of ?? ''
    const path = of.startsWith('.') ? relative(root, normalize(join(root, 'src', dirname(file), of))) : of
    return { by: file, of: path.replaceAll('\\', '/'), isType: groups?.type !== undefined }
  })
}

function told({ by, of }: Import): string {
  return `src/${by} imports ${of}`
}

/** Of a path below src: its folder, or the file itself where it stands flat. */
function roomOf(path: string): string {
  return path.replace(/(\/|\.ts$).*/, '')
}

function rowOf(path: string): number {
  return rows.findIndex(row => row.includes(roomOf(path)))
}

const within = imports.flatMap(each => (each.of.startsWith('src/') ? { ...each, of: each.of.slice(4) } : []))

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
  t.ok(found('relay/recorder.ts', 'src/outbox/record.ts', false))
  t.ok(found('relay/recovery.ts', 'src/model.ts', true))
  t.ok(found('backlog/backlog.ts', 'src/backlog/read.ts', true), 'also what is exported on')
  t.ok(found('config/yaml-file.ts', 'yaml', false), 'also what is loaded later')
})

t.test('every room has its row', async t => {
  t.same([...new Set(files.map(roomOf))].sort(), rows.flat().sort())
})

t.test('a room imports from itself and from the rows below', async t => {
  const wrong = within.filter(({ by, of }) => roomOf(by) !== roomOf(of) && rowOf(by) >= rowOf(of))
  t.same(wrong.map(told), [])
})

t.test('no file imports itself through others, not even a type', async t => {
  t.same(circles(), [])
})

/** Node 20 has no Map.groupBy. */
function byKey<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

/** Groups of files that reach each other. */
function circles(): string[][] {
  const next = byKey(within, ({ by }) => by)
  const reaches = (from: string, seen = new Set<string>()): Set<string> => {
    for (const { of } of next.get(from) ?? []) {
      if (seen.has(of)) continue
      seen.add(of)
      reaches(of, seen)
    }
    return seen
  }
  const reached = new Map(files.map(file => [file, reaches(file)]))
  const groups = files
    .filter(file => reached.get(file)?.has(file))
    .map(file => files.filter(other => reached.get(file)?.has(other) && reached.get(other)?.has(file)))
  return [...new Map(groups.map(group => [group.join(), group])).values()]
}

t.test('a package is imported in one room', async t => {
  const strangers = imports.filter(({ by, of }) => (rooms[of] ?? roomOf(by)) !== roomOf(by))
  t.same(strangers.map(told), [])
})

t.test('SQL is written in the outbox and in the doctor alone', async t => {
  const sql =
    /[`'"]\s*(select|insert into|update \w+ set|delete from|with \w+ as|lock table|set local|listen \w+|notify \w+)\b[^`'"]/i
  const speakers = files.filter(file => sql.test(withoutComments(textOf(file))))
  t.ok(speakers.length > 20)
  t.same(
    // The receiver's inbox is a table of the receiver's own database.
    speakers.filter(file => !/^(outbox|operate\/doctor)\/|^receiver\/inbox\.ts$/.test(file)),
    [],
  )
})

t.test('no statement names the schema, which is chosen by the user', async t => {
  t.same(
    files.filter(
      file => /^(outbox|operate)\//.test(file) && /\boutbox[._]\w|'outbox'/.test(withoutComments(textOf(file))),
    ),
    [],
  )
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}

t.test('what a receiver imports needs nothing but Node: no package, and no other part of Ringback', async t => {
  const outside = reachedFrom('receiver/receiver.ts').filter(({ of }) => !/^(node:|src\/receiver\/)/.test(of))
  t.same(outside.map(told), [])
  t.ok(reachedFrom('receiver/receiver.ts').length > 5)
})

t.test('what decides does no I/O: not itself, nor through anything that it imports', async t => {
  for (const pattern of pure) {
    const deciding = files.filter(file => pattern.test(file))
    t.ok(deciding.length > 0, String(pattern))
    const outside = deciding.flatMap(file => reachedFrom(file)).filter(({ of }) => !/^(src\/|tinyqueue$)/.test(of))
    t.same(outside.map(told), [])
  }
})

t.test('a name is exported by one file', async t => {
  const names = files
    // A command's function is called as users type it; the receiver's half is a package of its own; the index names what users call.
    .filter(file => !['receiver', 'commands', 'index'].includes(roomOf(file)))
    .flatMap(file => {
      const found = textOf(file).matchAll(
        /^export (?:async )?(?:abstract )?(?:function\*?|class|interface|type|const|let|enum) (\w+)/gm,
      )
      return [...found].map(([, name = '']) => ({ name, file }))
    })
  t.ok(names.length > 200)
  const twice = [...byKey(names, ({ name }) => name)].filter(([, each]) => each.length > 1)
  t.same(
    twice.map(([name, each]) => `${name}: ${each.map(({ file }) => file).join(', ')}`),
    [],
  )
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
