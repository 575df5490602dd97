/** What the commands print with --json has the fields and types that docs/reference/json.md shows, and no others. */
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { delivered, failing } from '../fixtures/failing.ts'
import { registered } from '../fixtures/registered.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const page = readFileSync(new URL('../../docs/reference/json.md', import.meta.url), 'utf8')
const shapes = new Map(
  [...page.matchAll(/<!-- shape: (\w+) -->\n```json\n(.*?)^```$/gms)].map(([, command = '', shape = '']) => [
    command,
    JSON.parse(shape) as unknown,
  ]),
)

/** Paths at which the value has not the shape. */
function misfits(value: unknown, shape: unknown, path = ''): string[] {
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path}: no list`]
    return value.flatMap((each, n) => misfits(each, shape[0], `${path}[${n}]`))
  }
  if (typeof shape === 'object' && shape !== null) {
    if (typeof value !== 'object' || value === null) return [`${path}: no object`]
    const entries = Object.entries(shape)
    const more = Object.keys(value).filter(key => !Object.hasOwn(shape, key))
    const odd = entries.flatMap(([key, each]) =>
      misfits((value as Record<string, unknown>)[key], each, `${path}.${key}`),
    )
    return [...odd, ...more.map(key => `${path}.${key} is not documented`)]
  }
  const type = value === null ? 'null' : typeof value === 'string' ? 'text' : typeof value
  return String(shape).split(' or ').includes(type) ? [] : [`${path}: ${type}, not ${shape}`]
}

/** @param lists must have something to look at. */
async function fits(t: Test, argv: readonly string[], code: number, lists: readonly string[]): Promise<void> {
  const [command = ''] = argv
  const ended = await ringback([...argv, '--json'], { DATABASE_URL: url })
  t.equal(ended.code, code, ended.err)
  t.match(ended.out, /^\{.*\}\n$/, 'one line')
  const printed = JSON.parse(ended.out) as Record<string, unknown>
  t.same(misfits(printed, shapes.get(command)), [], command)
  for (const list of lists) t.ok((printed[list] as unknown[]).length > 0, list)
}

t.test('a field that is missing, wrong or not documented is told', async t => {
  const shape = { a: 'text', b: ['number or null'], c: 'number' }
  t.same(misfits({ a: 1, b: [1, null, 'x'], d: 1 }, shape), [
    '.a: number, not text',
    '.b[2]: text, not number or null',
    '.c: undefined, not number',
    '.d is not documented',
  ])
})

t.test('sql lists the files, without a database', async t => {
  await fits(t, ['sql'], 0, ['files'])
})

t.test('status, doctor, attempts and replay', async t => {
  await client.query(failing('https://ill.test/', { callbacks: 3, since: '12 min' }))
  await client.query(delivered('https://well.test/', `now() - interval '1 min'`))
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', 'x')`)
  await client.query(`insert into outbox.janitor_run (relay, ended_at) values ('a', now())`)
  await client.query(registered('a', { settings: { allow: [] } }))
  await client.query(registered('b', { standby: 'it differs', settings: { allow: ['10.0.0.7'] } }))
  await fits(t, ['status'], 0, ['failing', 'holds', 'relays'])
  await fits(t, ['doctor'], 1, ['findings'])
  await fits(t, ['attempts', '1'], 0, ['made'])
  await fits(t, ['replay', '--id', '1,4', '--dry-run'], 1, ['left'])
  await fits(t, ['replay', '--id', '4,999'], 1, ['left'])
})
