import t from 'tap'
import { list, spell } from '../src/doctor/finding.ts'
import { timeoutMs } from '../src/doctor/timeout.ts'
import { checks, diagnose } from '../src/doctor.ts'
import type { Facts } from '../src/outbox/doctor.ts'

const server = {
  isStandby: false,
  settings: {
    max_prepared_transactions: '0',
    autovacuum: 'on',
    track_counts: 'on',
    fsync: 'on',
    full_page_writes: 'on',
  },
  queueUsage: 0.5,
  prepared: [{ gid: 'a', owner: 'bob', seconds: 60 }],
  distant: [{ name: 'standby a', isActive: true, xminAge: 1_000_000 }],
  timeouts: [
    { of: 'role a', name: 'statement_timeout', value: '0' },
    { of: 'role a', name: 'idle_session_timeout', value: '10s' },
  ],
}
const storage = {
  sequenceCache: 1,
  foreignIndexes: [],
  foreignActs: [],
  missing: [],
  changedParameters: [],
  isAutovacuumOff: false,
}
const relay = { name: 'a', host: 'h', pid: 7, version: '1', lanes: 64, leaseSeconds: 30, renewedSecondsAgo: 30 }
const delivery = {
  relays: [relay],
  holds: [{ urlPrefix: 'https://a.test/', reason: 'r', heldBy: 'eve', heldSeconds: 86_400 }],
  lanesWithoutOwner: 0,
  dead: 0,
  overdueSeconds: 900,
}
const transaction = { pid: 9, application: 'pg_dump', role: 'bob', state: 'active', seconds: 300 }

/** Each value at the edge of what is well. */
const well: Facts = {
  connection: { announcedPid: 5, answeringPids: [5, 5, 5] },
  server,
  transactions: [transaction],
  storage,
  delivery,
  unseen: [],
}

function told(facts: Partial<Facts>): string[] {
  return diagnose({ ...well, ...facts }).findings.map(each => `${each.severity} ${each.check}: ${each.found}`)
}

const onServer = (facts: Partial<typeof server>) => told({ server: { ...server, ...facts } })
const withSettings = (settings: Partial<typeof server.settings>) =>
  onServer({ settings: { ...server.settings, ...settings } })

t.test('nothing is found where all is well, be it just so', async t => {
  t.same(diagnose(well), { checks: checks.length, findings: [], notMade: [] })
  t.equal(new Set(checks.map(each => each.name)).size, checks.length, 'each check has a name of its own')
})

t.test('what cannot be planted on a server for tests: standby, settings, a queue that fills, slots', async t => {
  t.match(onServer({ isStandby: true }), [/^fault standby: /])
  t.match(withSettings({ max_prepared_transactions: '10' }), [/^warning two-phase: .* is 10$/])
  t.match(withSettings({ fsync: 'off', full_page_writes: 'off' }), [
    /^warning durability: fsync and full_page_writes are off/,
  ])
  t.match(withSettings({ full_page_writes: 'off' }), [/^warning durability: full_page_writes is off/])
  t.match(withSettings({ autovacuum: 'off' }), [/^warning autovacuum: autovacuum is off/])
  t.match(withSettings({ track_counts: 'off' }), [/^warning autovacuum: track_counts is off/])
  t.match(onServer({ queueUsage: 0.51 }), [/^warning notification-queue: .* 51 % full$/])
  t.match(onServer({ queueUsage: 0.95 }), [/^fault notification-queue: .* 95 % full$/])
  const inactive = { name: 'replication slot b', isActive: false, xminAge: 3 }
  t.match(onServer({ distant: [inactive] }), [/^warning slots-and-standbys: .*slot b, inactive, 3 transactions back$/])
  const far = { name: 'standby c', isActive: true, xminAge: 1_000_001 }
  t.match(onServer({ distant: [far] }), [/^warning slots-and-standbys: .*standby c, 1000001 transactions back$/])
})

t.test(
  'a pooler that keeps a session is a warning, one that changes it a fault; both cannot be told by one answer',
  async t => {
    const connection = (announcedPid: number | undefined, answeringPids: number[]) =>
      told({ connection: { announcedPid, answeringPids } })
    t.match(connection(6, [5, 5, 5]), [/^warning pooler: .*process 5 answers, 6 was announced$/])
    t.match(connection(6, [5, 7, 5]), [/^fault pooler: .*\(2 in 3\)$/])
    t.same(connection(undefined, [5, 5, 5]), [])
  },
)

t.test('what is older than its limit is named with its age', async t => {
  t.match(told({ transactions: [{ ...transaction, seconds: 301 }] }), [
    /^warning open-transactions: .*pid 9 \(pg_dump, bob, active\) for 5 min$/,
  ])
  t.match(onServer({ prepared: [{ gid: 'a', owner: 'bob', seconds: 61 }] }), [
    /^warning prepared-transactions: .*'a' of bob for 61 s$/,
  ])
})

t.test('nobody delivers: a warning before the first callback, a fault when callbacks wait', async t => {
  t.match(told({ delivery: { ...delivery, relays: [], overdueSeconds: null } }), [
    /^warning no-relay: no relay runs here$/,
  ])
  t.match(told({ delivery: { ...delivery, relays: [], overdueSeconds: 1 } }), [/^fault no-relay: .*waited for 1 s$/])
})

t.test('what a role may not see is not judged, and the checks that were not made are named', async t => {
  const blind = { ...well, storage: null, delivery: null, transactions: null }
  const { findings, notMade } = diagnose(blind)
  t.same(findings, [])
  t.ok(notMade.includes('sequence-cache') && notMade.includes('no-relay') && notMade.includes('open-transactions'))
  t.notOk(notMade.includes('standby'))
})

t.test('a timeout is read as PostgreSQL reads it', async t => {
  const read: [string, number | null][] = [
    ['0', 0],
    ['1500', 1_500],
    ['5s', 5_000],
    ['2 min', 120_000],
    ["'1.5h'", 5_400_000],
    ['500us', 0.5],
    ['soon', null],
    ['5 weeks', null],
    ['', null],
  ]
  for (const [text, ms] of read) t.equal(timeoutMs(text), ms, text)
})

t.test('durations and lists stay short', async t => {
  t.same([0, 119, 120, 7_200, 200_000].map(spell), ['0 s', '119 s', '2 min', '2 h', '2 days'])
  t.equal(list(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e and 2 more')
})
