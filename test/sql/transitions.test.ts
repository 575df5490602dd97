import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { asRole } from './roles.ts'
import { claim, read, readAll, record, type Status, write, writeAs } from './rows.ts'

const { client } = await testDatabase(t)
const statuses: Status[] = ['pending', 'claimed', 'delivered', 'dead', 'cancelled']

/** A statement of an operator; the number of rows it changed. */
async function operator(text: string, values: unknown[] = []): Promise<number | null> {
  return asRole(client, 'outbox_operator', async () => (await client.query(text, values)).rowCount)
}

const setStatus = (status: string, id: string) =>
  operator('update outbox.callback set status = $1 where id = $2', [status, id])

t.test('a settled callback is replayed with the same message_id and a fresh budget, due at once', async t => {
  for (const status of ['dead', 'delivered', 'cancelled'] as const) {
    const id = await writeAs(client, status)
    const before = await read(client, id)
    t.equal(await setStatus('pending', id), 1, status)
    const after = await read(client, id)
    t.match(
      after,
      {
        status: 'pending',
        due_now: true,
        settled_at: null,
        dead_at: null,
        claimed_epoch: null,
        attempts: before.attempts,
      },
      status,
    )
    t.equal(after.message_id, before.message_id)
    t.equal(after.budget_from, before.attempts)
  }
})

t.test('an attempt number is never used twice over replays', async t => {
  const id = await writeAs(client, 'dead')
  await setStatus('pending', id)
  await claim(client, id)
  await record(client, id, 'dead')
  await setStatus('pending', id)
  t.match(await read(client, id), { attempts: 2, budget_from: 2 })
})

t.test('a replay forgets an expiry that has passed, and keeps one to come', async t => {
  const past = await writeAs(client, 'dead', { expires_at: '2020-01-01' })
  const future = await writeAs(client, 'dead', { expires_at: '2999-01-01' })
  await operator('update outbox.callback set status = $1 where id = any ($2)', ['pending', [past, future]])
  t.equal((await read(client, past)).expires_at, null)
  t.match((await read(client, future)).expires_at, /^2999/)
})

t.test('a pending callback is cancelled', async t => {
  const id = await write(client, { due_at: '2999-01-01' })
  t.equal(await setStatus('cancelled', id), 1)
  const row = await read(client, id)
  t.match(row, { status: 'cancelled', due_at: null, dead_at: null })
  t.ok(row.settled_at)
})

t.test('url, form, max_attempts and expires_at are amended while pending', async t => {
  const id = await write(client)
  const text = `update outbox.callback set url = 'https://new.example/', form = '{"a":2}', max_attempts = 3, expires_at = '2999-01-01' where id = $1`
  t.equal(await operator(text, [id]), 1)
  t.match(await read(client, id), {
    url: 'https://new.example/',
    form: '{"a":2}',
    max_attempts: 3,
    due_now: true,
    status: 'pending',
  })
  const plain = await write(client)
  await operator(`update outbox.callback set form = '{}', max_attempts = 3, expires_at = null where id = $1`, [plain])
  t.match(await read(client, plain), { due_at: null }, 'without another url it stands where it stood')
})

t.test(
  'what has been tried or is due goes to its new url at once; what a producer has delayed keeps its time',
  async t => {
    const retry = await write(client)
    await claim(client, retry)
    await record(client, retry, 'pending')
    t.equal((await read(client, retry)).due_now, false)
    const [fresh, due] = [await write(client), await write(client, { due_at: '2020-01-01' })]
    const delayed = await write(client, { due_at: '2999-01-01' })
    const text = `update outbox.callback set url = 'https://new.example/' where id = any ($1)`
    t.equal(await operator(text, [[retry, fresh, due, delayed]]), 4)
    for (const id of [retry, fresh, due]) t.equal((await read(client, id)).due_now, true, 'as a row that comes anew')
    const { due_at } = await read(client, delayed)
    t.match(due_at, /^2999-01-01 00:00:00\.000001/, 'at another place, or the tip would take it for shown')
  },
)

t.test('a due time is put off or brought forward, but not to before now; with the url, too', async t => {
  const change = (id: string, assignments: string) =>
    operator(`update outbox.callback set ${assignments} where id = $1`, [id])
  const id = await write(client)
  await change(id, `due_at = '2999-01-01'`)
  t.match((await read(client, id)).due_at, /^2999/)
  await change(id, `due_at = '2998-01-01', url = 'https://new.example/'`)
  t.match(await read(client, id), { due_at: /^2998/, url: 'https://new.example/' })
  for (const past of ['2020-01-01', '-infinity']) {
    await change(id, `due_at = '${past}'`)
    t.equal((await read(client, id)).due_now, true, past)
    await change(id, `due_at = '2999-01-01'`)
  }
  await change(id, 'due_at = null')
  t.equal((await read(client, id)).due_now, true, 'it stands where the relay reads what comes back')
  await t.rejects(change(id, `due_at = 'infinity'`), { code: '23514', message: 'due_at is infinity' })
  await t.rejects(change(id, `expires_at = 'infinity'`), { code: '23514', message: 'expires_at is infinity' })
})

t.test('the time of a replay is the database’s, whatever is asked for', async t => {
  for (const due_at of ['2020-01-01', '2999-01-01']) {
    const id = await writeAs(client, 'dead')
    await operator(`update outbox.callback set status = 'pending', due_at = $1 where id = $2`, [due_at, id])
    t.equal((await read(client, id)).due_now, true, due_at)
  }
})

t.test('a settled callback is amended and replayed in one UPDATE', async t => {
  const id = await writeAs(client, 'dead')
  const text = `update outbox.callback set status = 'pending', url = 'https://new.example/', form = '{"a":3}' where id = $1`
  t.equal(await operator(text, [id]), 1)
  t.match(await read(client, id), { status: 'pending', url: 'https://new.example/', form: '{"a":3}', due_now: true })
})

t.test('a settled callback is not amended without a replay', async t => {
  for (const status of ['dead', 'delivered', 'cancelled'] as const) {
    const id = await writeAs(client, status)
    const before = await read(client, id)
    const amended = operator(`update outbox.callback set form = '{"a":4}' where id = $1`, [id])
    await t.rejects(amended, {
      code: '23514',
      message: `callback ${id} is ${status} already; nothing was changed`,
      hint: /set status = 'pending' in the same UPDATE/,
    })
    t.same(await read(client, id), before)
  }
})

t.test('a claimed callback cannot be touched; the error names it, its state and the remedy', async t => {
  const id = await writeAs(client, 'claimed')
  const before = await read(client, id)
  const refusal = {
    code: '55006',
    message: new RegExp(`^callback ${id} is claimed \\(it is being sent since .*\\); nothing was changed$`),
    hint: /^Repeat the statement when the attempt is recorded/,
  }
  for (const change of [`status = 'cancelled'`, `status = 'pending'`, `url = 'https://new.example/'`, `form = '{}'`]) {
    await t.rejects(operator(`update outbox.callback set ${change} where id = $1`, [id]), refusal, change)
  }
  t.same(await read(client, id), before)
})

t.test('only the relay claims, delivers and gives up', async t => {
  for (const from of statuses) {
    const id = await writeAs(client, from)
    const before = await read(client, id)
    for (const to of ['claimed', 'delivered', 'dead']) {
      const message =
        from === 'claimed'
          ? /is claimed/
          : new RegExp(`^callback ${id} is ${from} (already|and cannot be made ${to}); nothing`)
      await t.rejects(setStatus(to, id), { code: /23514|55006/, message, hint: /./ }, `${from} to ${to}`)
    }
    t.same(await read(client, id), before)
  }
})

t.test('a callback that was sent or given up cannot be cancelled', async t => {
  for (const from of ['delivered', 'dead', 'cancelled'] as const) {
    const id = await writeAs(client, from)
    await t.rejects(
      setStatus('cancelled', id),
      { code: '23514', message: new RegExp(`^callback ${id} is ${from} `) },
      from,
    )
  }
})

t.test('identity and history cannot be changed, even by the owner of the table', async t => {
  const id = await writeAs(client, 'dead', { ordering_key: 'k', dedupe_key: 'd' })
  const before = await read(client, id)
  const changes: [change: string, name: string][] = [
    ['message_id = gen_random_uuid()', 'message_id'],
    [`ordering_key = 'other'`, 'ordering_key'],
    ['ordering_key = null', 'ordering_key'],
    ['dedupe_key = null', 'dedupe_key'],
    [`traceparent = 'x'`, 'traceparent'],
    ['attempts = 0', 'attempts'],
    ['budget_from = 1', 'budget_from'],
    [`supersede_key = 'x'`, 'supersede_key'],
    ['last_error = null', 'last_error'],
    ['last_http_status = 200', 'last_http_status'],
    ['claimed_epoch = 9', 'claimed_epoch'],
    ['created_at = now()', 'the history'],
    ['dead_at = null', 'the history'],
    ['last_started_at = now()', 'the history'],
    [`last_outcome = 'delivered'`, 'the history'],
  ]
  for (const [change, name] of changes) {
    const update = client.query(`update outbox.callback set status = 'pending', ${change} where id = $1`, [id])
    await t.rejects(
      update,
      { code: '23514', message: `${name} of callback ${id} cannot be changed; nothing was changed` },
      change,
    )
  }
  await t.rejects(client.query('update outbox.callback set id = 7 where id = $1', [id]), { code: '428C9' })
  t.same(await read(client, id), before)
})

t.test(
  'a callback that waits cannot be deleted, not even by the owner of the table; others can, since a record does so',
  async t => {
    for (const status of statuses) {
      const id = await writeAs(client, status)
      const deleted = client.query('delete from outbox.callback where id = $1', [id])
      if (status === 'pending') {
        await t.rejects(deleted, {
          code: '23514',
          message: `callback ${id} is pending and would be lost; nothing was deleted`,
          hint: /^Cancel it first: UPDATE/,
        })
        t.equal((await read(client, id)).status, status)
      } else t.equal((await deleted).rowCount, 1, status)
    }
  },
)

t.test('in tests a constraint refuses a claim without the epoch, the time and the number of its attempt', async t => {
  const id = await write(client)
  const whole = { claimed_epoch: '1', claimed_at: 'now()', attempts: '1' }
  const claimAs = (values: Record<string, string>) => {
    const changes = Object.entries(values).map(([column, value]) => `${column} = ${value}`)
    return client.query(`update outbox.callback set status = 'claimed', rev = rev + 1, ${changes} where id = $1`, [id])
  }
  for (const gap of [{ claimed_epoch: 'null' }, { claimed_at: 'null' }, { attempts: '0' }])
    await t.rejects(claimAs({ ...whole, ...gap }), { code: '23514', constraint: 'claimed_has_its_epoch' })
  await t.resolves(claimAs(whole))
})

t.test('a claimed row is not restored without the epoch, the time and the number of its attempt', async t => {
  const whole = { status: 'claimed', claimed_epoch: '1', claimed_at: 'now', attempts: 1 }
  for (const gap of [{ claimed_epoch: null }, { claimed_at: null }, { attempts: 0 }])
    await t.rejects(write(client, { ...whole, ...gap }), {
      code: '23514',
      message: /^status is claimed, which does not fit/,
    })
  await t.resolves(write(client, whole))
})

t.test('an UPDATE without WHERE does nothing that is not allowed, and then changes nothing at all', async t => {
  await client.query('truncate outbox.callback')
  for (const status of statuses) await writeAs(client, status)
  const before = await readAll(client)
  const statements = [
    `update outbox.callback set status = 'pending'`,
    `update outbox.callback set status = 'cancelled'`,
    `update outbox.callback set status = 'delivered'`,
    `update outbox.callback set url = 'https://new.example/'`,
    `update outbox.callback set form = '{}'`,
  ]
  for (const statement of statements) await t.rejects(operator(statement), { code: /^(23514|55006)$/ }, statement)
  t.same(await readAll(client), before)
})

t.test('10,000 dead callbacks are replayed by one UPDATE', async t => {
  await client.query('truncate outbox.callback')
  await client.query(`
    insert into outbox.callback (url, ordering_key)
    select 'https://crm.example/', 'key ' || n % 100 from generate_series(1, 10000) n`)
  await client.query(
    `update outbox.callback set status = 'dead', attempts = 5, settled_at = now(), dead_at = now(), rev = rev + 1`,
  )
  t.equal(await operator(`update outbox.callback set status = 'pending' where status = 'dead'`), 10_000)
  const { rows } = await client.query(`
    select count(*)::integer as rows from outbox.callback
     where status = 'pending' and budget_from = 5 and due_at <= clock_timestamp() and settled_at is null and dead_at is null`)
  t.equal(rows[0].rows, 10_000)
})
