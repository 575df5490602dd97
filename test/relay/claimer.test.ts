import assert from 'node:assert/strict'
import t, { type Test } from 'tap'
import { Backlog } from '../../src/backlog/backlog.ts'
import { type OriginSettings, Scopes } from '../../src/backlog/scopes.ts'
import { idEnd } from '../../src/ids.ts'
import type { Log, LogFields } from '../../src/log/log.ts'
import type { Claim, ShownRow } from '../../src/model.ts'
import { claimFresh } from '../../src/outbox/claim-fresh.ts'
import { look } from '../../src/outbox/look.ts'
import type { Session, Statement } from '../../src/outbox/session.ts'
import { Agenda } from '../../src/relay/agenda.ts'
import { Ahead } from '../../src/relay/ahead.ts'
import { AutoResetEvent } from '../../src/relay/auto-reset-event.ts'
import { Claimer } from '../../src/relay/claimer.ts'
import { Refusals } from '../../src/relay/refusals.ts'
import { inspect } from '../backlog/inspection.ts'
import { eventually } from '../fixtures/eventually.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { mockClock } from '../fixtures/mock-clock.ts'
import { shownRow } from '../fixtures/shown-row.ts'
import { type Columns, Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const settings: OriginSettings = {
  concurrency: 16,
  growsTo: 16,
  deadlineMs: 15_000,
  ratePerSecond: null,
  breaker: { failures: 0, pauseMs: 1_000 },
}
const origin = 'https://receiver.test'

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity cascade')
  await stage.query('delete from outbox.hold')
  await stage.query('delete from outbox.pulse')
  await stage.query('delete from outbox.relay')
})

/** A claimer over the stage's session that runs until the test ends, and what it did. */
async function claiming(t: Test, { slots = 100, ahead: mostAhead = 0, breaker = settings.breaker } = {}) {
  const state = {
    epoch: await stage.register(),
    /** POSTs at once; none of them ends. */
    slots,
    /** The reply to the next statement of this name is lost; `unsent`: and so was the statement. */
    loses: null as { readonly name: string; readonly isUnsent?: true } | null,
    sent: new Set<string>(),
    isAlone: true,
    /** Statements wait until it is open. */
    gate: Promise.resolve(),
    /** The reply to statements of this name waits. */
    replies: null as { readonly name: string; readonly after: Promise<void> } | null,
  }
  const statements: string[] = []
  /** How many rows each claim asked for. */
  const asked: number[] = []
  const claims: Claim[] = []
  const lines: { readonly event: string; readonly fields: LogFields | undefined }[] = []
  const note = (event: string, fields?: LogFields) => void lines.push({ event, fields })
  const log: Log = { trace: note, debug: note, info: note, warn: note, error: note, fatal: note, writes: () => true }
  const concurrency = Math.max(100, slots)
  const scopes = new Scopes({ settingsOf: () => ({ ...settings, breaker }), concurrency, slowConcurrency: concurrency })
  const backlog = new Backlog({
    memoryRows: 2_000,
    room: () => 1_000,
    slots: (name, url, next) => scopes.slots(name, performance.now(), url, next !== undefined),
    taken: row => scopes.taken(row, performance.now()),
    isMine: () => true,
  })
  const session = {
    async rows(statement: Statement, values: readonly unknown[]) {
      statements.push(statement.name)
      if (statement.name === 'ringback_claim') asked.push(String(values[0]).split(',').length)
      const { loses } = state
      const isLost = loses?.name === statement.name
      if (isLost) state.loses = null
      if (isLost && loses?.isUnsent) throw new Error('the connection ended')
      await state.gate
      const reply = await stage.session.rows(statement, values)
      if (isLost) throw new Error('the reply was lost')
      if (state.replies?.name === statement.name) await state.replies.after
      return reply
    },
  } as unknown as Session
  const claimable = new AutoResetEvent()
  const agenda = new Agenda()
  const ahead = new Ahead({
    scopes,
    isPaused: () => false,
    mayStart: ({ epoch }) => epoch === state.epoch,
    begin: claim => {
      scopes.started(claim, performance.now())
      claims.push(claim)
    },
    leaves: () => claimable.set(),
  })
  const claimer = new Claimer({
    backlog,
    scopes,
    refusals: new Refusals(log, 'callback_refused'),
    claimable,
    epoch: () => state.epoch,
    attempts: {
      ahead,
      start: claim => void claims.push(claim),
      has: id => state.sent.has(id) || claims.some(each => each.id === id),
    },
    agenda,
    progress: new AutoResetEvent(),
    slots: () => ({ free: state.slots - claims.length, ahead: mostAhead }),
    isAlone: () => state.isAlone,
  })
  const ends = new AbortController()
  let running: Promise<void> = Promise.resolve()
  /** Over a session of its own; resolves when that has failed. */
  const run = () => {
    running = claimer.run(session, ends.signal)
    return running
  }
  t.teardown(async () => {
    ends.abort()
    await running.catch(() => {})
  })
  /** What a tip shows. */
  const offer = async (...ids: readonly string[]) => {
    backlog.offer(await shown(ids), backlog.beginRead())
    claimable.set()
  }
  /** Reads the rows after this one. */
  const claimsAsRead = (after: number | string) =>
    claimer.claimAsRead(which =>
      claimFresh(session, state.epoch, [{ after: String(after), upTo: idEnd }], 1_000, which),
    )
  const knows = (id: string) => inspect(backlog).rows.find(row => row.id === id)?.state
  const claimed = (...ids: readonly string[]) =>
    eventually(() => {
      const missing = ids.filter(id => !claims.some(claim => claim.id === id))
      assert.deepEqual(missing, [], `claimed were ${claims.map(({ id }) => id)}`)
    })
  return {
    state,
    statements,
    asked,
    claims,
    lines,
    scopes,
    backlog,
    ahead,
    agenda,
    claimable,
    claimer,
    run,
    end: () => ends.abort(),
    offer,
    claimsAsRead,
    knows,
    claimed,
  }
}

/** So many POSTs of the origin end well, one a millisecond until now: it is well, and that is its pace. */
function proven(scopes: Scopes, count: number): void {
  const now = performance.now()
  for (let n = 0; n < count; n += 1) {
    const at = now - count + n
    scopes.started({ id: `-${n}`, origin, urlHash: hashtext(`${origin}/a`) }, at)
    scopes.sent(`-${n}`, at)
    scopes.ended(
      `-${n}`,
      { receiver: 'alive', isOfConnection: false, restMs: 0, startedAtMs: at, finishedAtMs: at },
      at,
    )
  }
}

/** The rows as they stand now. */
async function shown(ids: readonly string[], epoch = '0'): Promise<ShownRow[]> {
  const looked = await look(stage.session, epoch, ids)
  return looked.map(({ row }) => row)
}

/** Rows of receivers of their own: each starts with one POST. */
async function inserted(count: number, columns: Columns = {}): Promise<[string, ...string[]]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) ids.push(await stage.insert({ url: `https://receiver-${n}.test/a`, ...columns }))
  return ids as [string, ...string[]]
}

t.test('what is ready is claimed and sent, as many as can be sent at once', async t => {
  const { state, claims, backlog, claimable, run, offer, claimed } = await claiming(t, { slots: 2 })
  const ids = await inserted(3)
  await offer(...ids)
  void run()
  await claimed(ids[0], ids[1] ?? '')
  t.equal(claims.length, 2)
  t.match(claims[0], {
    id: ids[0],
    attempt: 1,
    attemptOfBudget: 1,
    epoch: state.epoch,
    origin: 'https://receiver-0.test',
  })
  t.ok(backlog.isUnderWay(ids[0]))
  state.slots = 3
  claimable.set()
  await claimed(...ids)
})

t.test('rows are claimed ahead of their slots; what is given up is pending again, with no attempt', async t => {
  // What is ahead for a second is given up by itself.
  mockClock(t, performance.now())
  const { statements, claims, scopes, backlog, ahead, run, offer, claimed } = await claiming(t, { ahead: 256 })
  proven(scopes, 300)
  const ids = await inserted(20, { url: `${origin}/a` })
  await offer(...ids)
  void run()
  await eventually(() => assert.equal(ahead.size, 4))
  t.equal(claims.length, 16, 'as many as the window is wide')
  t.equal(statements.filter(name => name === 'ringback_claim').length, 1, 'one statement has claimed all')
  const [done = ''] = claims.map(({ id }) => id)
  const now = performance.now()
  scopes.ended(done, { receiver: 'alive', isOfConnection: false, restMs: 0, startedAtMs: now, finishedAtMs: now }, now)
  ahead.freed(origin, now)
  t.equal(claims.length, 17, 'the slot is taken again at once')
  const waiting = ids.filter(id => ahead.has(id))
  t.equal(waiting.length, 3)
  ahead.giveUp(() => true)
  await eventually(() => assert.equal(ahead.size, 0))
  for (const id of waiting) {
    t.match(await stage.row(id), { status: 'pending', attempts: 0, claimed_epoch: null })
    t.notOk(scopes.isAhead(id))
    t.notOk(backlog.isUnderWay(id))
  }
  await claimed(...ids.filter(id => !waiting.includes(id)))
})

t.test('what is ahead and whose release had no answer is looked at and released over the next session', async t => {
  mockClock(t, performance.now())
  const { state, claims, scopes, ahead, claimable, run, offer, claimer } = await claiming(t, { ahead: 256 })
  proven(scopes, 300)
  const ids = await inserted(17, { url: `${origin}/a` })
  await offer(...ids)
  const first = run()
  await eventually(() => assert.equal(ahead.size, 1))
  const [last = ''] = ids.filter(id => ahead.has(id))
  state.loses = { name: 'ringback_release', isUnsent: true }
  ahead.giveUp(() => true)
  await t.rejects(first, /ended/)
  t.ok(claimer.isInDoubtOf(last, state.epoch))
  void run()
  claimable.set()
  await eventually(async () => assert.equal((await stage.row(last)).status, 'pending'))
  t.equal(claims.length, 16)
})

for (const ends of [false, true])
  t.test(
    `a read that claims and hangs does not keep what is ahead${ends ? ', when the claimer ends' : ''}`,
    async t => {
      mockClock(t, performance.now())
      const { state, statements, scopes, ahead, run, end, offer, claimsAsRead } = await claiming(t, { ahead: 256 })
      proven(scopes, 300)
      const ids = await inserted(20, { url: `${origin}/a` })
      await offer(...ids)
      const running = run()
      await eventually(() => assert.equal(ahead.size, 4))
      const waiting = ids.filter(id => ahead.has(id))
      let open = () => {}
      const gate = new Promise<void>(resolve => {
        open = resolve
      })
      state.replies = { name: 'ringback_claim_fresh', after: gate }
      const reading = claimsAsRead(ids.at(-1) ?? '')
      await eventually(() => assert.ok(statements.includes('ringback_claim_fresh')))
      if (ends) end()
      ahead.giveUp(() => true)
      await eventually(() => assert.equal(ahead.size, 0))
      for (const id of waiting) t.match(await stage.row(id), { status: 'pending', attempts: 0 })
      open()
      await reading
      if (ends) await running
    },
  )

t.test(
  'when the rest of a broken origin ends, its rows leave memory, and the reader is woken for the probe',
  async t => {
    const { claims, scopes, backlog, agenda, run, offer } = await claiming(t, {
      breaker: { failures: 1, pauseMs: 1_000 },
    })
    const ids = await inserted(3, { url: `${origin}/a` })
    const now = performance.now()
    scopes.started({ id: '-1', origin, urlHash: 0 }, now)
    scopes.ended(
      '-1',
      { receiver: 'failing', isOfConnection: true, restMs: 0, startedAtMs: now, finishedAtMs: now },
      now,
    )
    await offer(...ids)
    void run()
    t.ok(await agenda.event.wait(10_000))
    t.same([claims.length, backlog.size, backlog.wantsPulls], [0, 0, true])
  },
)

t.test('each origin is started as often as it can take', async t => {
  const { claims, scopes, backlog, claimable, run, offer, claimed } = await claiming(t)
  const ids = await inserted(3, { url: `${origin}/a` })
  await offer(...ids)
  void run()
  await claimed(ids[0])
  t.equal(claims.length, 1, 'nothing is known of it')
  const now = performance.now()
  scopes.ended(
    ids[0],
    { receiver: 'alive', isOfConnection: false, restMs: 0, startedAtMs: now, finishedAtMs: now },
    now,
  )
  backlog.freed(origin)
  claimable.set()
  await claimed(...ids)
})

t.test('it accounts for every row that it asked for and did not get', async t => {
  const { statements, claims, backlog, run, offer, knows, claimed } = await claiming(t)
  const other = await stage.another()
  const rows = await inserted(6)
  const [settled = '', held = '', later = '', elsewhere = '', locked = '', free = ''] = rows
  const [first] = await inserted(1, { url: 'https://first.test/', ordering_key: 'k' })
  const [second] = await inserted(1, { url: 'https://second.test/', ordering_key: 'k' })
  await offer(...rows, second)
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [settled])
  const gone = '999999'
  backlog.offer([shownRow(gone, { origin })], backlog.beginRead())
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://receiver-1.test/', 'test')`)
  await stage.query(`update outbox.callback set due_at = now() + interval '1 hour' where id = $1`, [later])
  await stage.force(elsewhere, `status = 'claimed', claimed_epoch = 77, claimed_at = now(), attempts = 1`)
  await other.run(`begin; select from outbox.callback where id = ${locked} for update`)
  void run()
  await claimed(free)
  await eventually(() => assert.equal(statements.filter(name => name === 'ringback_look').length, 1))
  await eventually(() => assert.equal(knows(settled), undefined))
  t.equal(knows(gone), undefined)
  t.equal(knows(held), undefined)
  t.ok(
    inspect(backlog).origins.find(({ name }) => name === 'https://receiver-1.test')?.isBehind,
    'it is read when it is let go',
  )
  t.equal(knows(later), undefined)
  t.match([knows(elsewhere), knows(locked)], ['resting', 'resting'], 'claimed by another, and locked')
  t.equal(knows(second), undefined, 'the one before it goes first')
  await claimed(first)
  await other.run('rollback')
  await claimed(locked)
  t.same(new Set(claims.map(({ id }) => id)), new Set([free, first, locked]))
})

t.test('a row that is held, though it was read as free, is asked for once', async t => {
  const { statements, run, offer, knows } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://receiver-0.test/', 'test')`)
  void run()
  await eventually(() => assert.ok(statements.includes('ringback_look')))
  // More than two of the pauses after which a row that somebody has locked is asked for again.
  await new Promise(resolve => setTimeout(resolve, 600))
  t.same(statements, ['ringback_claim', 'ringback_look'])
  t.equal(knows(id), undefined)
})

t.test('a claim whose reply does not come is made smaller, and larger again while replies are quick', async t => {
  mockClock(t, performance.now())
  const { state, asked, claimer, run, offer, claimed } = await claiming(t)
  const ids = await inserted(12)
  await offer(...ids)
  const lose = async () => {
    state.loses = { name: 'ringback_claim' }
    await t.rejects(run(), /the reply was lost/)
  }
  await lose()
  const second = lose()
  await eventually(() => assert.ok(!claimer.isInDoubt(state.epoch)))
  await offer(...ids)
  await second
  await lose()
  void run()
  await eventually(() => assert.deepEqual(asked, [12, 6, 3, 1, 2]))
  await eventually(() => assert.ok(!claimer.isInDoubt(state.epoch)))
  await offer(...ids)
  await claimed(...ids)
  t.same(asked, [12, 6, 3, 1, 2, 4, 5])
})

t.test('a claim whose reply was lost is given back over the next session, with no attempt used up', async t => {
  const { state, claims, lines, claimer, run, offer, claimed } = await claiming(t)
  const ids = await inserted(3)
  await offer(...ids)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  t.same(claims, [])
  t.ok(claimer.isInDoubt(state.epoch))
  t.notOk(claimer.isInDoubt('another'))
  t.ok(claimer.isInDoubtOf(ids[0], state.epoch))
  t.match(await stage.row(ids[0]), { status: 'claimed', attempts: 1 })
  void run()
  await eventually(async () => assert.equal((await stage.row(ids[0])).status, 'pending'))
  t.match(await stage.row(ids[0]), { attempts: 0, claimed_epoch: null })
  await eventually(() => assert.ok(!claimer.isInDoubt(state.epoch)))
  t.same(claims, [])
  await offer(...ids)
  await claimed(...ids)
  t.ok(claims.every(({ attempt }) => attempt === 1))
  t.same(await stage.outcomes(ids[0]), [])
  t.same(lines, [])
})

t.test('while somebody has locked one, the reader is left alone', async t => {
  const { state, statements, agenda, run, offer } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  const other = await stage.another()
  await other.run(`begin; select from outbox.callback where id = ${id} for update`)
  void run()
  await eventually(() => assert.equal(statements.filter(name => name === 'ringback_release').length, 2))
  t.equal(agenda.nextDueAt, Number.POSITIVE_INFINITY)
  await other.run('rollback')
  await eventually(() => assert.ok(agenda.nextDueAt <= performance.now()))
  t.match(await stage.row(id), { status: 'pending' })
})

t.test('while somebody has locked a thousand of them, others are released', async t => {
  const { state, run, offer } = await claiming(t, { slots: 2_000 })
  const rows = await stage.query<{ id: string }>(
    `insert into outbox.callback (url) select 'https://receiver-' || n || '.test/' from generate_series(1, 1001) n returning id::text`,
  )
  const ids = rows.map(({ id }) => id)
  const [free = '', first = '', ...more] = ids.toReversed()
  await offer(...ids)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  const other = await stage.another()
  await other.run(`begin; select from outbox.callback where id in (${[first, ...more]}) for update`)
  void run()
  await eventually(async () => assert.equal((await stage.row(free)).status, 'pending'))
  t.match(await stage.row(first), { status: 'claimed' })
  await other.run('rollback')
  await eventually(async () => assert.equal((await stage.row(first)).status, 'pending'))
})

t.test('also when the registration has been another since', async t => {
  const { state, claims, claimer, run, offer, claimed } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  const before = state.epoch
  state.epoch = await stage.register('2')
  void run()
  await eventually(() => assert.ok(!claimer.isInDoubt(before)))
  await offer(id)
  await claimed(id)
  t.match(claims, [{ attempt: 1, epoch: '2' }])
})

t.test('a claim that never reached the database is made again', async t => {
  const { state, run, offer, claims, claimed } = await claiming(t)
  const ids = await inserted(3)
  await offer(...ids)
  state.loses = { name: 'ringback_claim', isUnsent: true }
  await t.rejects(run(), /the connection ended/)
  void run()
  await claimed(...ids)
  t.equal(claims.length, 3)
})

t.test('a release whose reply was lost leaves its row in doubt, which is looked at again', async t => {
  const { state, claimer, run, offer, claims, claimed } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  state.loses = { name: 'ringback_release' }
  await t.rejects(run(), /the reply was lost/)
  t.ok(claimer.isInDoubt(state.epoch))
  void run()
  await claimed(id)
  t.match(claims, [{ attempt: 1 }])
})

t.test('while the registration is gone all rest, and each is asked for now and then', async t => {
  const { state, statements, knows, run, offer, claimed } = await claiming(t)
  const ids = await inserted(3)
  await offer(...ids)
  await stage.query('delete from outbox.relay')
  void run()
  await eventually(() => assert.equal(knows(ids[0]), 'resting'))
  await new Promise(resolve => setTimeout(resolve, 600))
  const tries = statements.filter(name => name === 'ringback_claim').length
  t.ok(tries >= 2 && tries <= 5, `${tries} claims`)
  state.epoch = await stage.register('2')
  await claimed(...ids)
})

/** A trigger of the user's that refuses to have this row claimed, or to have it become something else. */
async function refuse(t: Test, id: string, code: string, becomes = 'claimed'): Promise<() => Promise<void>> {
  await stage.query(`
    create or replace function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.id = ${id} and new.status = '${becomes}' then raise exception 'not this one' using errcode = '${code}'; end if;
      return new;
    end $$`)
  await stage.query(
    `create trigger refuse before update on outbox.callback for each row execute function public.refuse()`,
  )
  const allow = async () => {
    await stage.query('drop trigger if exists refuse on outbox.callback')
  }
  t.teardown(allow)
  return allow
}

t.test('one row that PostgreSQL refuses rests, and the others of its claim are sent', async t => {
  const { lines, knows, run, offer, claims, claimed } = await claiming(t)
  const ids = await inserted(8)
  const [refused, ...others] = ids
  const allow = await refuse(t, refused, 'P0001')
  await offer(...ids)
  void run()
  await claimed(...others)
  await eventually(() => assert.equal(knows(refused), 'resting'))
  t.match(lines, [{ event: 'callback_refused', fields: { id: refused, tries: 1, retry_in_ms: 1_000 } }])
  t.match(await stage.row(refused), { status: 'pending', attempts: 0 })
  await allow()
  await claimed(refused)
  t.equal(claims.length, 8)
})

t.test('while it rests, nobody asks for it', async t => {
  const { statements, lines, run, offer } = await claiming(t)
  const [refused] = await inserted(1)
  await refuse(t, refused, 'P0001')
  await offer(refused)
  void run()
  await eventually(() => assert.equal(lines.length, 1))
  const before = statements.length
  await new Promise(resolve => setTimeout(resolve, 600))
  t.equal(statements.length, before)
})

t.test(
  'a superseded row that PostgreSQL refuses to cancel rests; what is before it in its key, and others, are cancelled',
  async t => {
    const { statements, lines, run, offer, claimed } = await claiming(t)
    let origins = 0
    const keyed = (ordering_key: string) => {
      origins += 1
      return inserted(1, { url: `https://keyed-${origins}.test/`, ordering_key, supersede_key: 's' })
    }
    const [[first], [refused], [last]] = [await keyed('k'), await keyed('k'), await keyed('k')]
    const [[old], [newest]] = [await keyed('other'), await keyed('other')]
    const allow = await refuse(t, refused, 'P0001', 'cancelled')
    await offer(first, old)
    void run()
    await claimed(newest)
    await eventually(() => assert.equal(lines.length, 1))
    const fields = { id: refused, statement: 'supersede', becomes: 'pending', tries: 1 }
    t.match(lines, [{ event: 'callback_refused', fields }])
    for (const id of [first, old]) t.match(await stage.row(id), { status: 'cancelled' })
    t.match(await stage.row(refused), { status: 'pending' })
    const [plain] = await inserted(1)
    await offer(plain)
    await claimed(plain)
    const before = statements.length
    await new Promise(resolve => setTimeout(resolve, 600))
    t.equal(statements.length, before, 'while it rests, nobody asks for it')
    await allow()
    await claimed(last)
  },
)

t.test('a claim ahead that PostgreSQL refuses to release rests, in doubt; others are released and claimed', async t => {
  mockClock(t, performance.now())
  const { state, statements, lines, scopes, backlog, ahead, claimer, claimable, run, offer, claimed } = await claiming(
    t,
    { ahead: 256 },
  )
  proven(scopes, 300)
  const ids = await inserted(20, { url: `${origin}/a` })
  await offer(...ids)
  void run()
  await eventually(() => assert.equal(ahead.size, 4))
  const [refused = '', ...others] = ids.filter(id => ahead.has(id))
  const allow = await refuse(t, refused, 'P0001', 'pending')
  ahead.giveUp(() => true)
  await eventually(() => assert.equal(ahead.size, 0))
  for (const id of others) t.match(await stage.row(id), { status: 'pending', attempts: 0 })
  const fields = { id: refused, statement: 'release', becomes: 'claimed', tries: 1 }
  t.match(lines, [{ event: 'callback_refused', fields }])
  t.ok(claimer.isInDoubtOf(refused, state.epoch))
  t.ok(backlog.isUnderWay(refused))
  const [plain] = await inserted(1)
  const before = statements.length
  await offer(plain)
  await claimed(plain)
  t.same(statements.slice(before), ['ringback_claim'], 'while it rests, nobody asks for it')
  await allow()
  const clock = mockClock(t, performance.now() + 1_000)
  claimable.set()
  await eventually(async () => assert.equal((await stage.row(refused)).status, 'pending'))
  t.ok(clock.now > 0)
})

t.test('one whose own values are refused is dead, with the reason, and its key goes on', async t => {
  const { lines, run, offer, knows, claimed } = await claiming(t)
  const [faulty] = await inserted(1, { ordering_key: 'k' })
  const [next] = await inserted(1, { url: 'https://next.test/', ordering_key: 'k' })
  await refuse(t, faulty, '22021')
  await offer(faulty)
  void run()
  await claimed(next)
  t.match(await stage.row(faulty), { status: 'dead', last_error: /^PostgreSQL refuses it: not this one/ })
  t.equal(knows(faulty), undefined)
  t.match(lines, [{ event: 'callback_refused', fields: { id: faulty, becomes: 'dead' } }])
})

t.test('a statement that is refused without any row is thrown: no row is at fault', async t => {
  const { lines, run, offer } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  await stage.query('revoke update on outbox.callback from outbox_relay')
  t.teardown(() => stage.query('grant update on outbox.callback to outbox_relay'))
  await t.rejects(run(), { code: '42501' })
  t.same(lines, [])
})

t.test('a claim that a read has shown, and that nobody here knows of, is given back; what is sent is not', async t => {
  const { state, claims, backlog, claimable, run, offer, claimed } = await claiming(t)
  const [known, unknown = ''] = await inserted(2)
  await offer(known)
  void run()
  await claimed(known)
  state.sent.add(known)
  await stage.force(unknown, `status = 'claimed', claimed_epoch = ${state.epoch}, claimed_at = now(), attempts = 1`)
  const rows = (await shown([known, unknown])).map(row => ({ ...row, standing: 'claimed here' as const }))
  backlog.offer(rows, backlog.beginRead())
  claimable.set()
  await eventually(async () => assert.equal((await stage.row(unknown)).status, 'pending'))
  t.match(await stage.row(unknown), { attempts: 0 })
  t.match(await stage.row(known), { status: 'claimed', attempts: 1 })
  t.equal(claims.length, 1)
})

t.test('a row that has got another origin since it was read takes a slot of that one', async t => {
  const { scopes, backlog, run, offer, claims, claimed } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  await stage.query(`update outbox.callback set url = 'https://other.test/' where id = $1`, [id])
  void run()
  await claimed(id)
  t.match(claims, [{ origin: 'https://other.test' }])
  const now = performance.now()
  t.equal(scopes.slots('https://other.test', now), 0)
  t.equal(scopes.slots('https://receiver-0.test', now), 1)
  t.match(inspect(backlog).rows, [{ id, origin: 'https://other.test' }])
})

t.test(
  'rows that an operator moves to an origin that takes one POST at a time do not start there all at once',
  async t => {
    const { claims, run, offer } = await claiming(t)
    const ids = await inserted(5)
    await offer(...ids)
    await stage.query(`update outbox.callback set url = 'https://moved.test/' where id = any ($1::bigint[])`, [ids])
    void run()
    const waiting = async () => stage.query(`select id from outbox.callback where status = 'pending' and attempts = 0`)
    await eventually(async () => assert.equal((await waiting()).length, 4))
    t.match(claims, [{ origin: 'https://moved.test' }])
    t.equal(claims.length, 1)
  },
)

t.test('a slot that a row leaves for another origin goes to the next row', async t => {
  const { run, offer, claimed } = await claiming(t)
  const ids = await inserted(2, { url: `${origin}/a` })
  await offer(...ids)
  await stage.query(`update outbox.callback set url = 'https://other.test/' where id = $1`, [ids[0]])
  void run()
  await claimed(...ids)
})

t.test('so it does if that origin may not have the row now', async t => {
  const { state, claimer, run, offer, claimed } = await claiming(t)
  const [busy] = await inserted(1, { url: 'https://other.test/' })
  void run()
  await offer(busy)
  await claimed(busy)
  let open = () => {}
  state.gate = new Promise(resolve => {
    open = resolve
  })
  const [moved = '', next = ''] = await inserted(2, { url: `${origin}/a` })
  await offer(moved, next)
  await eventually(() => assert.ok(claimer.claimingSince !== null))
  await stage.query(`update outbox.callback set url = 'https://other.test/' where id = $1`, [moved])
  open()
  await claimed(next)
})

t.test('a row that expired long ago is looked for among all; one that has just expired need not', async t => {
  for (const [since, isWanted] of [
    ['1 second', false],
    ['1 minute', true],
  ] as const)
    await t.test(since, async t => {
      const { agenda, backlog, run, offer, statements } = await claiming(t)
      const [id] = await inserted(1)
      await offer(id)
      await stage.query(`update outbox.callback set expires_at = clock_timestamp() - $2::interval where id = $1`, [
        id,
        since,
      ])
      void run()
      await eventually(() => assert.ok(statements.includes('ringback_look') && !backlog.isUnderWay(id ?? '')))
      t.equal(agenda.areAllExpiredWanted, isWanted)
    })
})

t.test('slots of what was not claimed are free again', async t => {
  const { scopes, run, offer, statements } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  await stage.query(`update outbox.callback set status = 'cancelled' where id = $1`, [id])
  void run()
  await eventually(() => assert.ok(statements.includes('ringback_look')))
  t.equal(scopes.slots('https://receiver-0.test', performance.now()), 1)
})

t.test('for how long a claim has had no answer is told', async t => {
  const { state, claimer, run, offer, claimed } = await claiming(t)
  const [id] = await inserted(1)
  await offer(id)
  let open = () => {}
  state.gate = new Promise(resolve => {
    open = resolve
  })
  t.equal(claimer.claimingSince, null)
  void run()
  await eventually(() => assert.ok(claimer.claimingSince !== null))
  open()
  await claimed(id)
  await eventually(() => assert.equal(claimer.claimingSince, null))
})

t.test('while all is calm, new rows are claimed as they are read, and start at once', async t => {
  const { state, statements, claims, claimer, backlog, scopes, claimsAsRead } = await claiming(t)
  const ids = await inserted(2)
  const found = await claimsAsRead(0)
  t.same(
    claims.map(({ id }) => id),
    ids,
  )
  t.same(found?.claims, claims)
  t.match(claims, [{ attempt: 1, epoch: state.epoch }, { attempt: 1 }])
  t.ok(backlog.isUnderWay(ids[0]))
  t.equal(scopes.slots('https://receiver-0.test', performance.now()), 0, 'it has taken its slot')
  t.same(statements, ['ringback_claim_fresh'])
  t.equal(claimer.claimingSince, null)
})

t.test('an origin that takes one POST at a time gets no second one', async t => {
  const { claims, claimsAsRead } = await claiming(t)
  const url = 'https://receiver-0.test/a'
  const ids = await inserted(1)
  await claimsAsRead(0)
  const other = await stage.insert({ url })
  const elsewhere = await stage.insert({ url: `${origin}/a` })
  t.same((await claimsAsRead(ids[0]))?.claims, [], 'what stands with it goes the way of all')
  t.match(await claimsAsRead(other), { claims: [{ id: elsewhere }] })
  t.equal(claims.length, 2)
  t.match(await stage.row(other), { status: 'pending', attempts: 0 })
})

t.test('nothing is claimed as it is read beside other relays, without slots, or while a row is in doubt', async t => {
  const { state, statements, claimer, claimsAsRead, offer, run } = await claiming(t)
  const [first] = await inserted(1)
  state.isAlone = false
  t.equal(await claimsAsRead(0), null)
  Object.assign(state, { isAlone: true, slots: 0 })
  t.equal(await claimsAsRead(0), null)
  state.slots = 100
  await offer(first)
  state.loses = { name: 'ringback_claim' }
  await t.rejects(run(), /the reply was lost/)
  t.ok(claimer.isInDoubt(state.epoch))
  t.equal(await claimsAsRead(0), null)
  t.same(statements, ['ringback_claim'])
})

t.test('an origin whose rows wait, or that fails, waits its turn', async t => {
  const { scopes, offer, claimsAsRead, claims } = await claiming(t)
  const [waits = '', other = ''] = await inserted(2)
  await offer(waits)
  t.same((await claimsAsRead(0))?.claims, [])
  t.match(await claimsAsRead(waits), { claims: [{ id: other }] })
  const [claim] = claims
  const now = performance.now()
  const failing = {
    receiver: 'failing',
    isOfConnection: false,
    restMs: 0,
    startedAtMs: now,
    finishedAtMs: now,
  } as const
  scopes.ended(claim?.id ?? '', failing, now)
  const again = await stage.insert({ url: 'https://receiver-1.test/a' })
  t.same((await claimsAsRead(other))?.claims, [])
  t.match(await stage.row(again), { status: 'pending' })
})

t.test('a row claimed as it was read is given back if its key, or its slot, is taken meanwhile', async t => {
  const { state, scopes, backlog, claims, claimsAsRead, run, offer, claimed } = await claiming(t)
  const [first] = await inserted(1, { ordering_key: 'k' })
  await offer(first)
  void run()
  await claimed(first)
  // Its record has committed, and the reply has not come.
  await stage.query(
    `update outbox.callback set status = 'delivered', settled_at = now(), rev = rev + 1 where id = $1`,
    [first],
  )
  const [follows, crowded] = [
    await stage.insert({ url: 'https://other.test/a', ordering_key: 'k' }),
    await stage.insert({ url: `${origin}/a` }),
  ]
  let open = () => {}
  state.gate = new Promise(resolve => {
    open = resolve
  })
  const reading = claimsAsRead(first)
  scopes.started({ id: 'another', origin, urlHash: 0 }, performance.now())
  open()
  t.equal((await reading)?.claims.length, 2)
  for (const id of [follows, crowded])
    await eventually(async () => assert.equal((await stage.row(id)).status, 'pending'))
  t.match(await stage.row(follows), { attempts: 0, claimed_epoch: null })
  t.equal(claims.length, 1)
  t.notOk(backlog.isUnderWay(follows))
})

t.test('what a read claims is not taken for a claim whose reply was lost', async t => {
  const { state, statements, claims, backlog, claimable, claimer, claimsAsRead, run } = await claiming(t)
  const [id] = await inserted(1)
  void run()
  let open = () => {}
  const gate = new Promise<void>(resolve => {
    open = resolve
  })
  state.replies = { name: 'ringback_claim_fresh', after: gate }
  const reading = claimsAsRead(0)
  await eventually(async () => assert.equal((await stage.row(id)).status, 'claimed'))
  t.ok(claimer.claimingSince !== null)
  t.ok(claimer.isInDoubt(state.epoch), 'its registration may not be removed')
  // Another statement names it, such as the record of the row before it.
  backlog.offer(await shown([id], state.epoch), backlog.beginRead())
  claimable.set()
  await new Promise(resolve => setTimeout(resolve, 100))
  open()
  t.match(await reading, { claims: [{ id }] })
  await new Promise(resolve => setTimeout(resolve, 100))
  t.same(statements, ['ringback_claim_fresh'], 'it is not released')
  t.match(await stage.row(id), { status: 'claimed', attempts: 1 })
  t.match(claims, [{ id }])
})

t.test('what a read claimed whose reply was lost is given back once a read has shown it', async t => {
  const { state, claims, backlog, claimer, claimsAsRead, run, offer, claimed } = await claiming(t)
  const [id] = await inserted(1)
  state.loses = { name: 'ringback_claim_fresh' }
  await t.rejects(claimsAsRead(0), /the reply was lost/)
  t.match(await stage.row(id), { status: 'claimed', attempts: 1 })
  t.notOk(claimer.isInDoubt(state.epoch))
  t.equal(claimer.claimingSince, null)
  void run()
  backlog.offer(await shown([id], state.epoch), backlog.beginRead())
  await claimsAsRead(id)
  await eventually(async () => assert.equal((await stage.row(id)).status, 'pending'))
  t.match(await stage.row(id), { attempts: 0 })
  await offer(id)
  await claimed(id)
  t.match(claims, [{ attempt: 1 }])
})

t.test('a read for which PostgreSQL refuses a row claims nothing, and is made again without claims', async t => {
  const { claims, claimsAsRead, run, offer, knows } = await claiming(t)
  const [id] = await inserted(1)
  await refuse(t, id, 'P0001')
  t.equal(await claimsAsRead(0), null)
  t.same(claims, [])
  await offer(id)
  void run()
  await eventually(() => assert.equal(knows(id), 'resting'))
})
