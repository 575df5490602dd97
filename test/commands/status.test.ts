import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { delivered, failing } from '../fixtures/failing.ts'
import { registered } from '../fixtures/registered.ts'
import { ringback } from '../fixtures/ringback.ts'

const { client, url } = await testDatabase(t)
const env = { DATABASE_URL: url }
const status = (...argv: string[]) => ringback(['status', ...argv], env)

t.beforeEach(async () => {
  await client.query('truncate outbox.callback, outbox.hold, outbox.relay, outbox.pulse, outbox.janitor_run')
})

/** Two due, one later, two being sent, one dead; the rest is history. */
async function fill(): Promise<void> {
  await client.query(`
    insert into outbox.callback (url, status, attempts, claimed_epoch, claimed_at, due_at, settled_at, dead_at, created_at, rev)
    select 'https://a.test/', status, 1, 1, now(), due_at::timestamptz, case when status in ('delivered', 'dead', 'cancelled') then now() end,
           case status when 'dead' then now() end, now() - written::interval, 1
      from (values ('pending', null, '90 s'), ('pending', 'yesterday', '100 s'), ('pending', 'tomorrow', '1 s'),
                   ('claimed', null, '1 h'), ('claimed', 'yesterday', '1 h'), ('dead', null, '1 h'), ('delivered', null, '1 h'),
                   ('cancelled', null, '1 h')) v (status, due_at, written)`)
}

t.test('nothing at all', async t => {
  t.same(await status(), {
    code: 0,
    out: 'schema outbox\nwaiting: 0 due, 0 later\nbeing sent: 0\ndead: 0\nno relay runs here: callbacks wait\n',
    err: '',
  })
  const { out } = await status('--json')
  t.match(out, /^\{.*\}\n$/, 'one line')
  t.same(JSON.parse(out), {
    schema: 'outbox',
    callbacks: {
      due: 0,
      later: 0,
      claimed: 0,
      dead: 0,
      oldestWaitingSeconds: null,
      oldestDueSeconds: null,
      nextDueSeconds: null,
    },
    failing: [],
    holds: [],
    relays: [],
    janitor: null,
  })
})

t.test('what waits, is being sent and is dead is counted; history is not', async t => {
  await fill()
  const { callbacks } = JSON.parse((await status('--json')).out)
  const { oldestWaitingSeconds, oldestDueSeconds, nextDueSeconds, ...counts } = callbacks
  t.same(counts, { due: 2, later: 1, claimed: 2, dead: 1 })
  t.ok(oldestWaitingSeconds >= 100 && oldestWaitingSeconds < 130, `the oldest: ${oldestWaitingSeconds} s`)
  t.ok(oldestDueSeconds >= 100 && oldestDueSeconds < 130, `the oldest due: ${oldestDueSeconds} s`)
  t.ok(nextDueSeconds > 0 && nextDueSeconds <= 172_800, `the next: ${nextDueSeconds} s`)
  t.match(
    (await status()).out,
    /waiting: 2 due, 1 later; the oldest due one was written 1\d\d s ago\nbeing sent: 2\ndead: 1\n/,
  )
})

t.test('a callback that is not due is not shown as a backlog, but when it is due', async t => {
  await client.query(
    `insert into outbox.callback (url, due_at, created_at) values ('https://a.test/', now() + interval '1 h', now() - interval '537 s')`,
  )
  t.match((await status()).out, /\nwaiting: 0 due, 1 later; the next is due in 3[56]\d\d s\nbeing sent: 0\n/)
  await client.query(
    `insert into outbox.callback (url, created_at) values ('https://a.test/', now() - interval '100 s')`,
  )
  t.match((await status()).out, /\nwaiting: 1 due, 1 later; the oldest due one was written 1\d\d s ago\n/)
})

t.test(
  'holds and relays: who, since when, how many origins, which stands by and why, and which is most likely dead',
  async t => {
    await client.query(`
    insert into outbox.hold (url_prefix, exact, reason, held_at, held_by)
    values ('https://b.test/', false, 'later one', now() - interval '1 s', 'eve'), ('https://a.test/x', true, 'gone', now() - interval '1 h', 'bob');
    ${registered('a', { version: '1.2', lease: '30 s', origins: 40, settings: { allow: [], deadline: 15_000 } })};
    ${registered('b', { pid: 8, host: 'i', version: '1.1', lease: '2.5 s', renewedAgo: '1 min' })};
    ${registered('c', { standby: 'it differs', settings: { allow: ['10.0.0.7'], deadline: 15_000, config: 'hmac' } })};
    ${registered('d', { forces: true, wanted: 'new', settings: { allow: [], deadline: 15_000 } })}`)
    const { holds, relays } = JSON.parse((await status('--json')).out)
    t.match(holds, [
      { urlPrefix: 'https://a.test/x', exact: true, reason: 'gone', heldBy: 'bob', heldSeconds: Number },
      { urlPrefix: 'https://b.test/', exact: false, reason: 'later one', heldBy: 'eve', heldSeconds: Number },
    ])
    t.match(relays, [
      {
        name: 'a',
        host: 'h',
        pid: 7,
        version: '1.2',
        serving: true,
        origins: 40,
        leaseSeconds: 30,
        renewedSecondsAgo: Number,
      },
      {
        name: 'b',
        host: 'i',
        pid: 8,
        version: '1.1',
        serving: true,
        origins: 0,
        leaseSeconds: 2.5,
        renewedSecondsAgo: Number,
      },
      {
        name: 'c',
        serving: false,
        standby: 'it differs',
        forces: false,
        differing: ['allow', 'config'],
        changes: false,
      },
      { name: 'd', serving: true, forces: true, differing: [], changes: true },
    ])
    const { out } = await status()
    t.match(out, /on hold: https:\/\/a\.test\/x alone for 36\d\d s, by bob: gone\n/)
    t.match(out, /relay a: serves 40 origins with callbacks, renewed \d+ s ago \(pid 7 on h, version 1\.2\)\n/)
    t.match(
      out,
      /relay b: serves 0 origins with callbacks, renewed \d+ s ago, though its lease is 3 s: is it running\? \(pid 8/,
    )
    t.match(out, /relay c: stands by, since it differs \(they differ in --allow, --config\), renewed/)
    t.match(
      out,
      /relay d: serves 0 origins with callbacks, with --force-settings, waits until most relays want its new --config, renewed/,
    )
    t.notMatch(out, /10\.0\.0\.7|hmac/)
  },
)

t.test('what deletes history: the newest run, and up to when all is deleted', async t => {
  const run = (begun: string, ended: string | null, error: string | null = null) =>
    client.query(
      `insert into outbox.janitor_run (relay, deleted, busy, started_at, ended_at, error)
       values ('a', 7, '2.5 s', now() - $1::interval, now() - $2::interval, $3)`,
      [begun, ended, error],
    )
  const line = async () => (await status()).out.split('\n').at(-2)
  await run('1 min', null)
  t.match(await line(), /^history: a run of relay a began 6\d s ago, 7 callbacks deleted; no run has finished yet$/)
  await client.query(`update outbox.janitor_run set ended_at = now() - interval '50 s'`)
  t.match(await line(), /^history: last run 5\d s ago, of relay a: 7 callbacks deleted, nothing too old is left$/)
  await run('40 s', '30 s', 'no\u001bright')
  t.match(
    await line(),
    /^history: the last run, of relay a, failed 3\d s ago after 10 s, 7 callbacks deleted: no\\u001bright; all that was too old \d\d s ago is deleted$/,
  )
  const { janitor } = JSON.parse((await status('--json')).out)
  t.match(janitor, {
    relay: 'a',
    deleted: 7,
    busySeconds: 2.5,
    error: 'no\u001bright',
    startedSecondsAgo: Number,
    endedSecondsAgo: Number,
    doneSecondsAgo: Number,
  })
})

t.test('whatever the reason of a hold is, it does not steer the terminal', async t => {
  await client.query(`insert into outbox.hold (url_prefix, held_by, reason) values ('https://a.test/', $1, $2)`, [
    'eve\u001b[2J',
    'x\r\n\u009b31m\u202ey',
  ])
  const { out } = await status()
  t.match(out, /on hold: https:\/\/a\.test\/ for \d+ s, by eve\\u001b\[2J: x\\u000d\\u000a\\u009b31m\\u202ey\n/)
  t.notMatch(out.replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
  const json = (await status('--json')).out
  t.equal(JSON.parse(json).holds[0].reason, 'x\r\n\u009b31m\u202ey')
  t.notMatch(json.trimEnd(), /[\p{Cc}\u202e]/u)
})

t.test('the role of a reader is enough', async t => {
  await fill()
  await client.query(registered('a'))
  t.match(await ringback(['status'], { ...env, PGOPTIONS: '-c role=outbox_reader' }), { code: 0, out: /dead: 1/ })
})

t.test('a schema that is missing, or newer, ends with 3 and says what to do', async t => {
  t.match(await status('--schema', 'elsewhere'), {
    code: 3,
    out: '',
    err: /"elsewhere" is missing .*ringback migrate --schema elsewhere\n/,
  })
  await client.query(`insert into outbox.migration (name) values ('9999_future')`)
  t.match(await status(), { code: 3, out: '', err: /newer Ringback \(9999_future .*install/ })
  await client.query(`delete from outbox.migration where name = '9999_future'`)
})

t.test('callbacks wait and no relay lives: 1', async t => {
  await client.query(`insert into outbox.callback (url) values ('https://a.test/')`)
  t.match(await status(), { code: 1, out: /no relay runs here/ })
  await client.query(registered('a', { lease: '2 s', renewedAgo: '1 min' }))
  t.match(await status('--json'), { code: 1 })
  await client.query(registered('b'))
  t.match(await status(), { code: 0 })
})

t.test('which receivers fail, since when, why, and how many wait for them', async t => {
  await client.query(failing('https://ill.test/', { callbacks: 4, since: '12 min' }))
  await client.query(`insert into outbox.callback (url) values ('https://ill.test/b'), ('https://well.test/')`)
  await client.query(failing('https://mixed.test/', { callbacks: 2, since: '12 min' }))
  await client.query(delivered('https://mixed.test/', 'now()'))
  await client.query(failing('https://once.test/', { callbacks: 1, since: '20 min' }))
  await client.query(delivered('https://once.test/', `now() - interval '5 min'`))
  await client.query(failing('https://held.test/', { callbacks: 2, since: '12 min' }))
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', 'x')`)
  const { failing: found } = JSON.parse((await status('--json')).out)
  t.match(found, [
    {
      origin: 'https://ill.test',
      url: null,
      failed: 4,
      attempts: 12,
      waiting: 5,
      reason: 'status 503',
      httpStatus: 503,
      isSure: true,
    },
    { origin: 'https://once.test', lastDeliveredSecondsAgo: Number },
  ])
  t.equal(found.length, 2)
  t.ok(Math.abs(found[0].failingSeconds - 720) < 30, `${found[0].failingSeconds}`)
  t.ok(Math.abs(found[1].failingSeconds - 300) < 30, 'since its last delivery')
  t.match(
    (await status()).out,
    /^failing: https:\/\/ill\.test for 12 min, 5 wait; the last attempt failed \d+ s ago: status 503$/m,
  )
})

t.test('a URL that fails alone is named, unless only one or two callbacks wait for it', async t => {
  await client.query('truncate outbox.callback, outbox.attempt_log')
  await client.query(failing('https://partly.test/ill?a=1', { callbacks: 1, since: '12 min' }))
  await client.query(
    `insert into outbox.callback (url) select 'https://partly.test/ill?a=' || n from generate_series(2, 4) n`,
  )
  await client.query(failing('https://partly.test/once', { callbacks: 2, since: '12 min' }))
  await client.query(failing('https://partly.test/mixed', { callbacks: 4, since: '12 min' }))
  await client.query(
    `${delivered('https://partly.test/mixed', 'now()')}; ${delivered('https://partly.test/', 'now()')}`,
  )
  const { failing: found } = JSON.parse((await status('--json')).out)
  t.match(found, [
    { origin: 'https://partly.test', url: 'https://partly.test/ill', failed: 1, waiting: 4, httpStatus: 503 },
  ])
  t.equal(found.length, 1)
  t.match((await status()).out, /^failing: https:\/\/partly\.test\/ill alone for 12 min, 4 wait; /m)
  await client.query(failing('https://partly.test/', { callbacks: 1, since: '1 min' }))
  t.match(JSON.parse((await status('--json')).out).failing, [{ origin: 'https://partly.test', url: null, waiting: 11 }])
})
