import t from 'tap'
import { commandNamed, parse } from '../../../src/config/config.ts'
import { type Check, list, spell } from '../../../src/operate/doctor/check.ts'
import { autovacuum } from '../../../src/operate/doctor/checks/autovacuum.ts'
import { clock } from '../../../src/operate/doctor/checks/clock.ts'
import { connectionLimit } from '../../../src/operate/doctor/checks/connection-limit.ts'
import { dead } from '../../../src/operate/doctor/checks/dead.ts'
import { durability } from '../../../src/operate/doctor/checks/durability.ts'
import { failingReceivers } from '../../../src/operate/doctor/checks/failing-receivers.ts'
import { notificationQueue } from '../../../src/operate/doctor/checks/notification-queue.ts'
import { oldHolds } from '../../../src/operate/doctor/checks/old-holds.ts'
import { openTransactions } from '../../../src/operate/doctor/checks/open-transactions.ts'
import { overdue } from '../../../src/operate/doctor/checks/overdue.ts'
import { pooler } from '../../../src/operate/doctor/checks/pooler.ts'
import { preparedTransactions } from '../../../src/operate/doctor/checks/prepared-transactions.ts'
import { forcedSettings, lateRelays, noRelay, standingBy } from '../../../src/operate/doctor/checks/relays.ts'
import { retention } from '../../../src/operate/doctor/checks/retention.ts'
import { rowSecurity } from '../../../src/operate/doctor/checks/row-security.ts'
import { slotsAndStandbys } from '../../../src/operate/doctor/checks/slots-and-standbys.ts'
import { stalled } from '../../../src/operate/doctor/checks/stalled.ts'
import { standby } from '../../../src/operate/doctor/checks/standby.ts'
import { synchronousStandby } from '../../../src/operate/doctor/checks/synchronous-standby.ts'
import { tableLocks } from '../../../src/operate/doctor/checks/table-locks.ts'
import { timeoutMs, timeouts } from '../../../src/operate/doctor/checks/timeouts.ts'
import { twoPhase } from '../../../src/operate/doctor/checks/two-phase.ts'
import { wraparound } from '../../../src/operate/doctor/checks/wraparound.ts'

/** `severity: what was found`, or undefined. */
function told<Facts>({ judge }: Check<Facts>, facts: Facts): string | undefined {
  const finding = judge(facts)
  return finding === null ? undefined : `${finding.severity}: ${finding.found}`
}

t.test('a standby, durability that is off, autovacuum that is off', async t => {
  t.match(told(standby, { isStandby: true }), /^fault: /)
  t.equal(told(standby, { isStandby: false }), undefined)
  t.match(told(twoPhase, { allowed: '10' }), /^warning: .* is 10$/)
  t.equal(told(twoPhase, { allowed: '0' }), undefined)
  t.match(told(durability, { fsync: 'off', full_page_writes: 'off' }), /^warning: fsync and full_page_writes are off$/)
  t.match(told(durability, { fsync: 'on', full_page_writes: 'off' }), /^warning: full_page_writes is off$/)
  t.equal(told(durability, { fsync: 'on', full_page_writes: 'on' }), undefined)
  t.match(told(autovacuum, { autovacuum: 'off', track_counts: 'on' }), /^warning: autovacuum is off/)
  t.match(told(autovacuum, { autovacuum: 'on', track_counts: 'off' }), /^warning: track_counts is off/)
  t.equal(told(autovacuum, { autovacuum: 'on', track_counts: 'on' }), undefined)
})

t.test('a notification queue that fills', async t => {
  t.equal(told(notificationQueue, { usage: 0.5 }), undefined)
  t.match(told(notificationQueue, { usage: 0.51 }), /^warning: .* 51 % full$/)
  t.match(told(notificationQueue, { usage: 0.95 }), /^fault: .* 95 % full$/)
})

t.test('slots and standbys that hold dead rows back', async t => {
  const far = { name: 'standby c', isActive: true, xminAge: 1_000_001 }
  t.equal(told(slotsAndStandbys, [{ ...far, xminAge: 1_000_000 }]), undefined)
  t.match(told(slotsAndStandbys, [far]), /^warning: .*standby c, 1000001 transactions back$/)
  const inactive = { name: 'replication slot b', isActive: false, xminAge: 3 }
  t.match(told(slotsAndStandbys, [inactive]), /^warning: .*slot b, inactive, 3 transactions back$/)
})

t.test('a pooler that keeps a session is a warning, one that changes it a fault', async t => {
  const answers = (announced: number | undefined, answering: number[]) => {
    const facts = { announced, answering }
    return told(pooler(facts), facts)
  }
  t.match(answers(6, [5, 5, 5]), /^warning: .*process 5 answers, 6 was announced$/)
  t.match(answers(6, [5, 7, 5]), /^fault: .*\(2 sessions for 3 statements\)$/)
  t.equal(answers(undefined, [5, 5, 5]), undefined, 'one answer cannot tell')
  t.equal(answers(5, [5, 5, 5]), undefined)
})

t.test('commits that wait for a standby are a fault, and so is a standby that nobody is', async t => {
  const calm = { names: '', standbys: 0, waiting: 0, seconds: 0 }
  t.equal(told(synchronousStandby, calm), undefined)
  t.equal(told(synchronousStandby, { names: 'near', standbys: 1, waiting: 1, seconds: 5 }), undefined)
  t.match(
    told(synchronousStandby, { names: 'near', standbys: 1, waiting: 3, seconds: 6 }),
    /^fault: commits wait .*: 3, the longest for 6 s \(synchronous_standby_names = 'near', 1 connected\)$/,
  )
  t.match(
    told(synchronousStandby, { ...calm, names: 'near' }),
    /^fault: .*no standby is connected .*'near', 0 connected/,
  )
})

t.test('transaction ids that run out, and too few connections, are said before it is too late', async t => {
  const aged = (millions: number) => told(wraparound, { name: 'b', age: millions * 1e6 })
  t.equal(aged(1_000), undefined)
  t.match(aged(1_001), /^warning: .*database b is 1001 million/)
  t.match(aged(2_001), /^fault: /)
  t.equal(told(connectionLimit, [{ of: 'role b', limit: 5 }]), undefined)
  t.match(told(connectionLimit, [{ of: 'role b', limit: 4 }]), /^warning: .*\(5\): 4 for role b$/)
})

t.test('a clock that is off is a warning, and a fault above a minute, whichever way', async t => {
  t.equal(told(clock, -5), undefined)
  t.match(told(clock, 6), /^warning: .*6 s ahead of the database's$/)
  t.match(told(clock, -60), /^warning: .*60 s behind the database's$/)
  t.match(told(clock, 600), /^fault: .*10 min ahead/)
  t.match(told(clock, -61), /^fault: /)
})

t.test('a locked table, row security, and callbacks that nobody sends are faults', async t => {
  const lock = { table: 'callback', mode: 'ShareLock', pid: 9, application: 'psql', role: 'bob', seconds: 6 }
  t.match(told(tableLocks, [lock]), /^fault: .*pid 9 \(psql, bob\) has ShareLock on callback for 6 s$/)
  t.equal(told(tableLocks, [{ ...lock, seconds: 5 }]), undefined)
  t.match(told(rowSecurity, [{ table: 'callback' }]), /^fault: .* on for callback$/)
  t.equal(told(rowSecurity, []), undefined)
  t.match(
    told(stalled, { count: 1, seconds: 30 }),
    /^fault: 1 callback is due, for up to 30 s, and none was sent while we watched$/,
  )
  t.match(told(stalled, { count: 7, seconds: 30 }), /^fault: at least 7 callbacks/)
  t.equal(told(stalled, null), undefined)
})

t.test('what is older than its limit is named with its age', async t => {
  const transaction = { pid: 9, application: 'pg_dump', role: 'bob', state: 'active', seconds: 301 }
  t.match(told(openTransactions, [transaction]), /^warning: .*pid 9 \(pg_dump, bob, active\) for 5 min$/)
  t.equal(told(openTransactions, [{ ...transaction, seconds: 300 }]), undefined)
  const prepared = { gid: 'a', owner: 'bob', seconds: 61 }
  t.match(told(preparedTransactions, [prepared]), /^warning: .*'a' of bob for 61 s$/)
  t.equal(told(preparedTransactions, [{ ...prepared, seconds: 60 }]), undefined)
  const hold = { urlPrefix: 'https://a.test/', exact: false, reason: 'r', heldBy: 'eve', heldSeconds: 86_401 }
  t.match(told(oldHolds, [hold]), /^warning: .*https:\/\/a\.test\/ for 24 h by eve$/)
  t.equal(told(oldHolds, [{ ...hold, heldSeconds: 86_400 }]), undefined)
  t.equal(told(overdue, 900), undefined)
  t.match(told(overdue, 901), /^warning: .* due for 15 min$/)
})

t.test(
  'history that is not deleted: a run that failed, or none for a day though there is something to delete',
  async t => {
    t.equal(told(retention, { error: null, behindSeconds: null, hasOld: true }), undefined, 'no relay has run yet')
    t.equal(told(retention, { error: null, behindSeconds: 86_400, hasOld: true }), undefined)
    t.equal(told(retention, { error: null, behindSeconds: 200_000, hasOld: false }), undefined)
    t.match(
      told(retention, { error: null, behindSeconds: 200_000, hasOld: true }),
      /^warning: .* for 2 days no deletion/,
    )
    t.match(
      told(retention, { error: 'foreign key', behindSeconds: 1, hasOld: false }),
      /^warning: .* failed: foreign key$/,
    )
  },
)

t.test('nobody delivers: a warning before the first callback, a fault when callbacks wait', async t => {
  t.match(told(noRelay, { relays: 0, overdueSeconds: null }), /^warning: no relay runs here$/)
  t.match(told(noRelay, { relays: 0, overdueSeconds: 1 }), /^fault: .*waited for 1 s$/)
  t.equal(told(noRelay, { relays: 1, overdueSeconds: 1 }), undefined)
  const relay = {
    name: 'a',
    host: 'h',
    pid: 7,
    version: '1',
    serving: true,
    origins: 3,
    standby: null,
    forces: false,
    changes: false,
    differing: [],
    leaseSeconds: 30,
    renewedSecondsAgo: 30,
  }
  t.equal(told(lateRelays, [relay]), undefined)
  t.match(
    told(lateRelays, [{ ...relay, renewedSecondsAgo: 31 }]),
    /^fault: leases have run out: a \(pid 7 on h\) renewed/,
  )
  t.equal(told(standingBy, [relay, { ...relay, serving: false }]), undefined, 'one that leaves does not stand by')
  t.match(
    told(standingBy, [relay, { ...relay, name: 'b', standby: 'its settings differ', differing: ['allow', 'config'] }]),
    /^warning: relays stand by: b, since its settings differ \(they differ in --allow, --config\)$/,
  )
  t.equal(told(forcedSettings, [relay]), undefined)
  t.match(told(forcedSettings, [relay, { ...relay, name: 'b', forces: true }]), /^warning: .* --force-settings: b$/)
})

t.test('a timeout is read as PostgreSQL reads it, and a low one is a warning', async t => {
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
  const set = (value: string) => told(timeouts, [{ of: 'role a', name: 'statement_timeout', value }])
  t.equal(set('0'), undefined)
  t.equal(set('10s'), undefined)
  t.match(set('9s'), /^warning: .*statement_timeout = 9s for role a$/)
})

t.test('durations and lists stay short', async t => {
  t.same([0, 119, 120, 7_200, 200_000].map(spell), ['0 s', '119 s', '2 min', '2 h', '2 days'])
  t.equal(list(['a', 'b', 'c', 'd', 'e', 'f', 'g']), 'a, b, c, d, e and 2 more')
})

t.test(
  'one callback that fails for long says something of its receiver only where nothing of it was delivered',
  async t => {
    const one = {
      origin: 'https://a.test',
      url: null,
      failingSeconds: 700,
      failed: 1,
      attempts: 9,
      waiting: 1,
      reason: 'refused',
      httpStatus: null,
      lastFailedSecondsAgo: 3,
      lastDeliveredSecondsAgo: null,
      isSure: true,
    }
    t.match(told(failingReceivers, [one]), /^fault: .*https:\/\/a\.test for 11 min \(refused; 1 waits\)$/)
    t.match(told(failingReceivers, [{ ...one, url: 'https://a.test/b' }]), /https:\/\/a\.test\/b alone for 11 min/)
    t.equal(told(failingReceivers, [{ ...one, isSure: false }]), undefined)
    t.match(told(failingReceivers, [{ ...one, isSure: false, failed: 3 }]), /^fault: /)
    t.equal(told(failingReceivers, [{ ...one, attempts: 2 }]), undefined)
    t.equal(told(failingReceivers, [{ ...one, failingSeconds: 599 }]), undefined)
  },
)

t.test('the commands that revive dead callbacks work as they are printed', async t => {
  const commands = [...(dead.judge({ count: 2 })?.remedy.matchAll(/`ringback (.+?)`/g) ?? [])].map(
    ([, text = '']) => text,
  )
  t.same(commands, ['sql why_is_it_dead', 'replay --dead --all'])
  for (const [name = '', ...argv] of commands.map(text => text.split(' ')))
    t.doesNotThrow(() => parse(commandNamed(name), argv, {}))
})
