import t from 'tap'
import { Stage } from '../fixtures/stage.ts'

t.test('a receiver that answers 503 to the first attempt of each callback gets all of them', async t => {
  const stage = await Stage.open(t)
  const rows = 200
  const seen = new Set<string | null>()
  stage.receiver.answer = async ({ fields }) => {
    await new Promise(resolve => setTimeout(resolve, 20))
    const n = fields.get('n')
    if (seen.has(n)) return 200
    seen.add(n)
    return 503
  }
  await stage.relay({ 'retry-base': '1s', 'retry-cap': '1h', deadline: '10s', lease: '30s' })
  await stage.query(
    'insert into outbox.callback (url, form) select $1, json_build_object($2::text, n) from generate_series(1, $3::int) n',
    [stage.receiver.url('/'), 'n', rows],
  )
  // Probes that are first attempts all fail, and the pause between two of them doubles: that would take an hour.
  await stage.drained(40_000)
  const [row] = await stage.query<{ n: number }>(
    `select count(*)::int as n from outbox.callback where status = 'delivered'`,
  )
  t.equal(row?.n, rows)
})
