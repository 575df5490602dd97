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
    synchronous_standby_names: '',
  },
  queueUsage: 0.5,
  prepared: [{ gid: 'a', owner: 'bob', seconds: 60 }],
  distant: [{ name: 'standby a', isActive: true, xminAge: 1_000_000 }],
  timeouts: [
    { of: 'role a', name: 'statement_timeout', value: '0' },
    { of: 'role a', name: 'idle_session_timeout', value: '10s' },
  ],
  standbys: 0,
  waitingCommits: { count: 1, seconds: 5 },
  oldestDatabase: { name: 'a', xidAge: 1_000_000_000 },
  connectionLimits: [{ of: 'role a', limit: 5 }],
}
const storage = {
  sequenceCache: 1,
  foreignIndexes: [],
  foreignActs: [],
  missing: [],
  changedParameters: [],
  isAutovacuumOff: false,
  rowSecurity: [],
}
const relay = { name: 'a', host: 'h', pid: 7, version: '1', lanes: 64, leaseSeconds: 30, renewedSecondsAgo: 30 }
const delivery = {
  relays: [relay],
  holds: [{ urlPrefix: 'https://a.test/', exact: false, reason: 'r', heldBy: 'eve', heldSeconds: 86_400 }],
  lanesWithoutOwner: 0,
  dead: 0,
  overdueSeconds: 900,
  stall: null,
}
const lock = { table: 'callback', mode: 'ShareLock', pid: 9, application: 'psql', role: 'bob', seconds: 5 }
const transaction = { pid: 9, application: 'pg_dump', role: 'bob', state: 'active', seconds: 300 }

/** Each value at the edge of what is well. */
const well: Facts = {
  connection: { announcedPid: 5, answeringPids: [5, 5, 5], clockAheadSeconds: -5 },
  server,
  transactions: [transaction],
  locks: [lock],
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
      told({ connection: { ...well.connection, announcedPid, answeringPids } })
    t.match(connection(6, [5, 5, 5]), [/^warning pooler: .*process 5 answers, 6 was announced$/])
    t.match(connection(6, [5, 7, 5]), [/^fault pooler: .*\(2 in 3\)$/])
    t.same(connection(undefined, [5, 5, 5]), [])
  },
)

t.test('commits that wait for a standby are a fault, and so is a standby that nobody is', async t => {
  const settings = { ...server.settings, synchronous_standby_names: 'near' }
  t.match(onServer({ settings, standbys: 1, waitingCommits: { count: 3, seconds: 6 } }), [
    /^fault synchronous-standby: commits wait .*: 3, the longest for 6 s \(synchronous_standby_names = 'near', 1 connected\)$/,
  ])
  t.match(onServer({ settings }), [/^fault synchronous-standby: .*no standby is connected .*'near', 0 connected/])
  t.same(onServer({ settings, standbys: 1 }), [])
})

t.test('transaction ids that run out, and too few connections, are said before it is too late', async t => {
  const aged = (millions: number) => onServer({ oldestDatabase: { name: 'b', xidAge: millions * 1e6 } })
  t.match(aged(1_001), [/^warning wraparound: .*database b is 1001 million/])
  t.match(aged(2_001), [/^fault wraparound: /])
  t.match(onServer({ connectionLimits: [{ of: 'role b', limit: 4 }] }), [
    /^warning connection-limit: .*\(5\): 4 for role b$/,
  ])
})

t.test('a clock that is off is a warning, and a fault above a minute, whichever way', async t => {
  const off = (seconds: number) => told({ connection: { ...well.connection, clockAheadSeconds: seconds } })
  t.match(off(6), [/^warning clock: .*6 s ahead of the database's$/])
  t.match(off(-60), [/^warning clock: .*60 s behind the database's$/])
  t.match(off(600), [/^fault clock: .*10 min ahead/])
  t.match(off(-61), [/^fault clock: /])
})

t.test('a locked table, row security, and callbacks that nobody sends are faults', async t => {
  t.match(told({ locks: [{ ...lock, seconds: 6 }] }), [
    /^fault table-locks: .*pid 9 \(psql, bob\) has ShareLock on callback for 6 s$/,
  ])
  t.match(told({ storage: { ...storage, rowSecurity: ['callback'] } }), [/^fault row-security: .* on for callback$/])
  t.match(told({ delivery: { ...delivery, stall: { count: 1, seconds: 30 } } }), [
    /^fault stalled: 1 callback is due, for up to 30 s, and none was sent while we watched$/,
  ])
  t.match(told({ delivery: { ...delivery, stall: { count: 7, seconds: 30 } } }), [
    /^fault stalled: at least 7 callbacks/,
  ])
})

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
