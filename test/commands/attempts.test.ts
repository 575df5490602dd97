import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const attempts = (...argv: string[]) => ringback(['attempts', ...argv], env)

await client.query('alter table outbox.callback alter column id restart with 9007199254740993')

/** @returns the id. */
async function insert(columns: string, values: string): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `insert into outbox.callback (url, ${columns}) values ('https://a.test/hook?token=secret', ${values}) returning id`,
  )
  return rows[0]?.id ?? ''
}

function made(id: string, rows: readonly (readonly unknown[])[]) {
  return Promise.all(
    rows.map(row =>
      client.query(
        `insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, started_at, finished_at, outcome, http_status, error, response_excerpt, relay)
         values ($1, coalesce((select message_id from outbox.callback where id = $1), gen_random_uuid()), $2, $3, $4::timestamptz, $4::timestamptz + $5::interval, $6, $7, $8, $9, $10)`,
        [id, ...row],
      ),
    ),
  )
}

t.test('every POST of one callback, in order, with outcome and answer; an id beyond 2^53 keeps its digits', async t => {
  const id = await insert('status, attempts, settled_at', `'delivered', 10, now()`)
  t.equal(id, '9007199254740993')
  const start = '2026-03-01T12:00:00.123Z'
  await made(id, [
    [10, 5, start, '34.6 ms', 'delivered', 200, null, 'ok', 'relay-b'],
    [2, 5, start, '0', 'unknown', null, 'the relay died', null, 'relay-b'],
    [2, 4, start, '2 s', 'failed', 503, 'status 503', 'try "later"', 'relay-a'],
    [1, 4, start, '12 ms', 'not_sent', null, 'connect ECONNREFUSED', null, 'relay-a'],
  ])
  await made('9007199254740992', [[1, 1, start, '1 s', 'rejected', 410, null, null, 'relay-a']])
  t.same(await attempts(id), {
    code: 0,
    out: [
      'callback 9007199254740993: delivered after 10 attempts, https://a.test/hook',
      '1.  2026-03-01T12:00:00.123Z  12 ms  not_sent  -  relay-a  "connect ECONNREFUSED"',
      '2.  2026-03-01T12:00:00.123Z  2000 ms  failed  503  relay-a  "status 503"  "try \\"later\\""',
      '2.  2026-03-01T12:00:00.123Z  0 ms  unknown  -  relay-b  "the relay died"',
      '10.  2026-03-01T12:00:00.123Z  35 ms  delivered  200  relay-b  "ok"',
      '',
    ].join('\n'),
    err: '',
  })
})

t.test('one that was never tried', async t => {
  const id = await insert('due_at', 'now()')
  const due = 'is due, and goes out as soon as its receiver can take it'
  t.equal((await attempts(id)).out, `callback ${id}: pending after 0 attempts, https://a.test/hook\n${due}\n`)
})

t.test('what a receiver answers does not steer the terminal that shows it', async t => {
  const evil = '\u001b[2J\u001b]0;owned\u0007\r\n\t\u007f\u009b31m\u202e\u2066 fine \ufeff"\\'
  const id = await insert('status, attempts, settled_at, dead_at, last_error', `'dead', 1, now(), now(), 'x'`)
  await client.query('update outbox.callback set last_error = $2, rev = rev + 1 where id = $1', [id, evil])
  await made(id, [[1, 1, 'now', '1 s', 'rejected', 410, evil, evil, 'relay\u001b[1m']])
  const { code, out } = await attempts(id)
  t.equal(code, 0)
  t.equal(out.split('\n').length, 3, 'two lines')
  t.notMatch(out.replaceAll('\n', ''), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u)
  t.match(out, /dead after 1 attempt, https:\/\/a\.test\/hook, "\\u001b\[2J.*\\r\\n\\t/)
  t.match(out, / fine /)
})

t.test('the role of a reader is enough', async t => {
  const id = await insert('due_at', 'now()')
  t.match(await ringback(['attempts', id], { ...env, PGOPTIONS: '-c role=outbox_reader' }), { code: 0 })
})

t.test('a callback that does not exist ends with 1, a wrong id with 2, a missing schema with 3', async t => {
  t.same(await attempts('9223372036854775807'), {
    code: 1,
    out: '',
    err: 'ringback: callback 9223372036854775807 does not exist in schema "outbox"\n',
  })
  t.match(await attempts('9223372036854775808'), { code: 2, out: '' })
  t.match(await attempts('1', '--schema', 'elsewhere'), {
    code: 3,
    out: '',
    err: /ringback migrate --schema elsewhere/,
  })
})

t.test('a pending callback says what it waits for', async t => {
  const [first, second] = [await insert('ordering_key', `'k'`), await insert('ordering_key', `'k'`)]
  const later = await insert('due_at', `'2999-01-01 00:00+00'`)
  const waits = async (id: string) => {
    const [text, json] = [(await attempts(id)).out, (await attempts(id, '--json')).out]
    return [text.trimEnd().split('\n').at(-1), JSON.parse(json)]
  }
  t.match(await waits(second), [
    `waits for callback ${first}, which is before it in its key`,
    { waitsFor: 'key', behind: first, dueAt: null },
  ])
  const dueAt = '2999-01-01T00:00:00.000Z'
  t.match(await waits(later), [`waits for its time: due at ${dueAt}`, { waitsFor: 'time', behind: null, dueAt }])
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://a.test/hook', '')`)
  t.match(await waits(later), [
    'waits for the release of a hold; `ringback status` lists all holds',
    { waitsFor: 'hold' },
  ])
  await client.query('delete from outbox.hold')
})
