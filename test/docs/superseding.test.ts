/** The example of docs/start/superseding.md, sent by a real relay. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { quick } from '../fixtures/quick.ts'
import { ringback } from '../fixtures/ringback.ts'
import { Stage } from '../fixtures/stage.ts'

const page = readFileSync(new URL('../../docs/start/superseding.md', import.meta.url), 'utf8')
const [writing = '', asking = ''] = [...page.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, sql = '']) => sql)

t.test('of the states that waited only the newest arrives, and the table says why', async t => {
  const stage = await Stage.open(t)
  await stage.query(writing.replaceAll('https://crm.example/callbacks', stage.receiver.url('/')))
  const options = Object.entries(quick).map(([name, value]) => `--${name}=${value}`)
  const { code } = await ringback(['run', '--drain', ...options], { DATABASE_URL: stage.database.url })
  t.equal(code, 0)
  t.same(
    stage.receiver.arrivals.map(({ body }) => body.toString()),
    ['flowExecutionId=31&progress=20', 'flowExecutionId=31&code=2'],
  )
  const rows = await stage.query<Readonly<Record<string, unknown>>>(asking)
  const lines = rows.map(
    row =>
      `| ${Object.values(row)
        .map(value => value ?? '')
        .join(' | ')} |`,
  )
  for (const line of lines) t.ok(page.includes(line.replace(/ +/g, ' ')), line)
})
