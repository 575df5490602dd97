import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { idEnd } from '../../src/ids.ts'
import type { Attempt, Claim, Decision } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import { type Orphan, orphansStart, readOrphans } from '../../src/outbox/orphans.ts'
import { record } from '../../src/outbox/record.ts'
import { bury, register, renew } from '../../src/outbox/registration.ts'
import { release } from '../../src/outbox/release.ts'
import type { Session } from '../../src/outbox/session.ts'
import { expire, findExpired } from '../../src/outbox/settle.ts'
import { readDue, readFresh } from '../../src/outbox/tip.ts'
import { between, pick, randomFrom } from '../fixtures/random.ts'
import { identity, pulse, Stage } from '../fixtures/stage.ts'
import { attempt } from './attempts.ts'
import { audit, judge, readAudit } from './fence-audit.ts'

/**
 * Relays, burials, an heir, operators and late producers at once, over few keys. The order of the commits is written down, and
 * the promises of claim, record, burial and recovery are judged by it. FENCE_SECONDS: how long; a minute finds what is rare.
 */
const seconds = Number(process.env.FENCE_SECONDS ?? 4)
const seed = Number(process.env.SEED ?? randomBytes(4).readUInt32BE())
const random = randomFrom(seed)

const below = (count: number) => Math.floor(random() * count)
const oneIn = (count: number) => below(count) === 0
const pauseMs = (from: number, to: number) => sleep(between(random, from, to))
const pauseOf = (longestMs: number) => pauseMs(0, longestMs)

const stage = await Stage.withSession(t)
await audit(stage)

let isOver = false
const done = { claims: 0, refused: 0, records: 0, releases: 0, zombies: 0, buried: 0, recovered: 0, expired: 0, replays: 0, cancels: 0, late: 0 } // biome-ignore format: one line

/** A registration, and whether its relay goes on with it. */
interface Member {
  readonly epoch: string
  isDead: boolean
}
const members = new Set<Member>()

const keys = 5
/** More than are ever unsettled: in a smaller one may be none but rows whose keys' heads stand behind them, and nothing goes on. */
const page = 200
const deliver: Decision = { status: 'delivered' }
const decisions: readonly Decision[] = [
  ...Array.from({ length: 14 }, () => deliver),
  ...Array.from({ length: 4 }, (): Decision => ({ status: 'pending', retryInMs: below(5), reason: 'own' })),
  { status: 'dead', reason: 'own' },
]

/** What runs into a timeout or is ended under load is tried again, as a relay does; what else goes wrong is a fault of the test. */
async function again<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof pg.DatabaseError && /^(55P03|57014|40P01)$/.test(error.code ?? '')) return otherwise
    throw error
  }
}

async function relay(): Promise<void> {
  const [reading, claiming, recording, keeping] = await Promise.all([1, 2, 3, 4].map(() => stage.another()))
  if (!reading || !claiming || !recording || !keeping) throw new Error('four sessions were asked for')
  const ends: Promise<void>[] = []
  while (!isOver) {
    const member = { epoch: (randomBytes(8).readBigUInt64BE() >> 1n).toString(), isDead: false }
    await register(keeping, { ...identity, epoch: member.epoch, name: 'relay' }, pulse)
    members.add(member)
    const renewing = renewAlong(keeping, member)
    const untilMs = performance.now() + between(random, 200, 1_200)
    while (!isOver && !member.isDead && performance.now() < untilMs) {
      const claims = await claimSome(reading, claiming, member)
      if (claims.length > 0) ends.push(endAll(claiming, recording, claims, member))
      if (ends.length > 3) await ends.shift()
    }
    // It dies with its registration standing; what it has sent may still be recorded long after.
    member.isDead = true
    await renewing
    if (oneIn(2)) await Promise.all(ends.splice(0))
  }
  await Promise.all(ends)
}

async function renewAlong(session: Session, member: Member): Promise<void> {
  for (; !isOver && !member.isDead; await pauseMs(3, 12)) {
    const renewal = await again(() => renew(session, member.epoch, [], pulse), null)
    if (renewal?.renewed.length !== 0) continue
    // For a while it goes on without knowing it.
    await pauseOf(100)
    member.isDead = true
  }
}

async function claimSome(reading: Session, claiming: Session, { epoch }: Member): Promise<Claim[]> {
  const fresh = await readFresh(reading, epoch, [{ after: '0', upTo: idEnd }], page)
  const due = await readDue(reading, epoch, { dueUs: Number.NEGATIVE_INFINITY, id: '0' }, page)
  const ids = [...fresh.rows, ...due.rows].map(({ id }) => id).filter(() => oneIn(2))
  if (ids.length === 0) await pauseOf(3)
  const claims = ids.length > 0 ? await again(() => claim(claiming, epoch, ids), []) : []
  done.claims += claims.length
  if (claims.length === 0) done.refused += ids.length
  return claims
}

/** Records or releases what was claimed, soon or late; a process that died does neither, or its connections outlive it. */
async function endAll(claiming: Session, recording: Session, claims: readonly Claim[], member: Member): Promise<void> {
  await pauseOf(12)
  if (member.isDead && oneIn(2)) return
  const { epoch } = member
  if (oneIn(6)) {
    done.releases += (await again(() => release(claiming, epoch, claims), new Set())).size
    if (oneIn(2)) return
  }
  const isZombie = oneIn(12)
  if (isZombie) await pauseOf(250)
  const made = claims.map(each => attempt(each, pick(random, decisions), 'failed'))
  const recorded = await again(() => record(recording, made, { relay: 'relay', epoch }, performance.now()), new Map())
  if (isZombie) done.zombies += claims.length
  done.records += recorded.size
}

/** Buries the dead, and now and then the living; within a transaction that takes its time, or comes to nothing. */
async function burier(): Promise<void> {
  const session = await stage.another()
  for (; !isOver; await pauseMs(10, 70)) {
    const isDeadWanted = !oneIn(5)
    const those = [...members].filter(({ isDead }) => isDead === isDeadWanted)
    const member = those[below(those.length)]
    if (!member) continue
    const isOpen = oneIn(3)
    if (isOpen) await session.run('begin')
    const isBuried = await again(() => bury(session, member.epoch, null), false)
    const isUndone = isOpen && (!isBuried || oneIn(3))
    if (isOpen) {
      await pauseOf(15)
      await session.run(isUndone ? 'rollback' : 'commit')
    }
    if (!isBuried || isUndone) continue
    members.delete(member)
    done.buried += 1
  }
}

/** Says what became of the claims of those that were buried. */
async function heir(session: Session): Promise<void> {
  const epoch = '7'
  for (let place = orphansStart; ; ) {
    const { orphans, next } = await readOrphans(session, place)
    await pauseOf(10)
    const made = orphans.map(each => judgement(each, epoch))
    const recorded = await again(() => record(session, made, { relay: 'heir', epoch }, performance.now()), new Map())
    done.recovered += recorded.size
    if (next === null) return
    place = next
  }
}

function judgement(orphan: Orphan, epoch: string): Attempt {
  const decision: Decision = oneIn(8)
    ? { status: 'dead', reason: 'heir' }
    : { status: 'pending', retryInMs: 0, reason: 'heir' }
  return { ...attempt(orphan, decision, 'unknown'), writtenEpoch: epoch }
}

async function heirs(): Promise<void> {
  const session = await stage.another()
  await register(session, { ...identity, epoch: '7', name: 'heir' }, pulse)
  for (; !isOver; await pauseMs(5, 25)) {
    await heir(session)
    const found = await again(() => findExpired(session, 50, null), { ids: [], workMs: 0 })
    done.expired += (await again(() => expire(session, '7', found.ids), [])).length
  }
}

const insert = `
  insert into outbox.callback (url, ordering_key, due_at, expires_at, form)
  select $1, $2, clock_timestamp() + $3::float8 * interval '1 ms', clock_timestamp() + $4::float8 * interval '1 ms',
         json_build_object('inserted', pg_current_snapshot()::text)`

/** A few rows in a transaction that takes its time, parts of which may be undone, or all. */
async function producer(): Promise<void> {
  const client = await stage.database.connect()
  for (; !isOver; await pauseOf(10)) {
    await client.query('begin')
    for (let left = 1 + below(3); left > 0; left -= 1) {
      const isSaved = oneIn(4)
      if (isSaved) await client.query('savepoint part')
      const [delayMs, expiresMs] = [oneIn(5) ? below(20) : null, oneIn(30) ? below(60) : null]
      await client.query(insert, [`http://o${below(3)}.test/x`, `k${below(keys)}`, delayMs, expiresMs])
      if (isSaved) await client.query(`${pick(random, ['rollback to', 'release'])} savepoint part`)
      if (oneIn(3)) await pauseOf(15)
      else done.late += 1
    }
    await client.query(oneIn(10) ? 'rollback' : 'commit')
    const { rows } = await client.query('select count(*)::int as count from outbox.callback where settled_at is null')
    if (rows[0].count > 40) await pauseMs(20, 50)
  }
}

const replay = `
  update outbox.callback set status = 'pending'
   where id in (select id from outbox.callback where settled_at is not null order by id desc offset $1 limit 1)`
const cancel = `
  update outbox.callback set status = 'cancelled'
   where status = 'pending' and id in (select id from outbox.callback where status = 'pending' order by random() limit 1)`

async function operator(): Promise<void> {
  const client = await stage.database.connect()
  for (; !isOver; await pauseMs(10, 35)) {
    const isReplay = !oneIn(3)
    const isOpen = oneIn(4)
    if (isOpen) await client.query('begin')
    const changed = await (isReplay ? client.query(replay, [below(10)]) : client.query(cancel)).catch(error => {
      // It is being sent.
      if (error.code !== '55006') throw error
      return { rowCount: 0 }
    })
    done[isReplay ? 'replays' : 'cancels'] += changed.rowCount ?? 0
    if (!isOpen) continue
    await pauseOf(10)
    await client.query(oneIn(4) ? 'rollback' : 'commit')
  }
}

/** On a busy machine it may take longer until each kind was done; one that never is fails below. */
async function allDone(): Promise<void> {
  for (const end = performance.now() + 60_000; performance.now() < end && Object.values(done).includes(0); )
    await sleep(100)
}

t.test(`claims, records, burials and recoveries at once for ${seconds} s (SEED=${seed})`, async t => {
  const actors = [relay(), relay(), relay(), burier(), heirs(), producer(), producer(), producer(), operator()]
  await Promise.race([sleep(seconds * 1_000).then(allDone), Promise.all(actors)])
  isOver = true
  await Promise.all(actors)
  t.comment(JSON.stringify(done))

  await t.test('no claim under what was buried, first attempts in order, no recovery of what lives', async t => {
    const changes = await readAudit(stage)
    t.same(judge(changes).slice(0, 5), [])
    for (const [what, count] of Object.entries(done)) t.ok(count > 0, `${what}: ${count}`)
  })

  await t.test('when all are buried, all that was claimed is recovered, and can be claimed', async t => {
    for (const { epoch } of members) await bury(stage.session, epoch, null)
    await heir(stage.session)
    t.same(await stage.query(`select id from outbox.callback where status = 'claimed'`), [])
    const [held] = await stage.query<{ ids: string[] }>(`
      select array_agg(id::text) as ids from (
        select distinct on (ordering_key) id from outbox.callback where settled_at is null order by ordering_key, id) first`)
    await stage.query(`update outbox.callback set due_at = now() where status = 'pending' and due_at > now()`)
    await stage.query(`update outbox.callback set expires_at = null where status = 'pending'`)
    const claims = await claim(stage.session, '7', held?.ids ?? [])
    t.same(claims.map(({ id }) => id).sort(), [...(held?.ids ?? [])].sort())
  })
})
