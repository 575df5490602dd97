import { type Check, check, fault, list, spell, warning } from './finding.ts'
import { timeoutMs } from './timeout.ts'

/**
 * Beyond these something is wrong: seconds that a transaction stays open, prepared, a table locked, a commit waiting, a clock off;
 * transaction ids that a slot or a standby holds back (`xminAge`), and that have passed since the oldest one was frozen:
 * autovacuum forces itself at 200 million, and the server stops writing 3 million before 2^31.
 */
const limits = {
  transactionSeconds: 300,
  preparedSeconds: 60,
  lockSeconds: 5,
  syncRepSeconds: 5,
  clockSeconds: 5,
  clockSecondsFault: 60,
  xminAge: 1_000_000,
  xidAge: 1_000_000_000,
  xidAgeFault: 2_000_000_000,
}

/** Four sessions and the listener. */
const relayConnections = 5

/** A relay's statement may wait for a lock for two seconds, and under a flood it takes one by itself. */
const leastTimeoutMs = 10_000

/**
 * Not asked: synchronous_commit. The relay raises its own, and a claim that is on disk has the producer's commit before it in
 * the log, so nothing is ever sent for a transaction that a crash then undoes.
 */
export const serverChecks: readonly Check[] = [
  check('server', 'standby', ({ isStandby }) =>
    isStandby
      ? fault(
          'the database is a standby (in recovery)',
          'nothing can be claimed or recorded here',
          'point DATABASE_URL at the primary, or promote this one',
        )
      : null,
  ),
  check('connection', 'pooler', ({ announcedPid, answeringPids }) => {
    if (new Set(answeringPids).size > 1) {
      return fault(
        `a pooler stands in between and changes the session between transactions (${new Set(answeringPids).size} in ${answeringPids.length})`,
        "the relay's name, its lease's lock and LISTEN belong to a session and are lost",
        'give the relay a URL that leads to PostgreSQL directly; producers may keep the pooler',
      )
    }
    if (announcedPid === undefined || answeringPids.every(pid => pid === announcedPid)) return null
    return warning(
      `a pooler seems to stand in between: process ${answeringPids[0]} answers, ${announcedPid} was announced`,
      'whether it keeps one session for one client cannot be told from here; if not, locks and LISTEN of the relay are lost',
      'give the relay a URL that leads to PostgreSQL directly, or make sure that the pooler pools sessions',
    )
  }),
  check('connection', 'clock', ({ clockAheadSeconds: ahead }) => {
    if (Math.abs(ahead) <= limits.clockSeconds) return null
    const severe = Math.abs(ahead) > limits.clockSecondsFault ? fault : warning
    return severe(
      `the clock of this machine is ${spell(Math.abs(ahead))} ${ahead > 0 ? 'ahead of' : 'behind'} the database's`,
      'receivers refuse signatures whose timestamp is off by more than five minutes; a relay on this machine loses callbacks so',
      'start NTP on the machine whose clock is off; a relay says `clock_off` for its own',
    )
  }),
  check('server', 'synchronous-standby', ({ settings, standbys, waitingCommits }) => {
    const names = settings.synchronous_standby_names
    const isWaiting = waitingCommits.count > 0 && waitingCommits.seconds > limits.syncRepSeconds
    if (!isWaiting && (names === '' || standbys > 0)) return null
    const found = isWaiting
      ? `commits wait for a synchronous standby: ${waitingCommits.count}, the longest for ${spell(waitingCommits.seconds)}`
      : 'a synchronous standby is asked for, and no standby is connected'
    return fault(
      `${found} (synchronous_standby_names = '${names}', ${standbys} connected)`,
      'no transaction of the producers or of the relay completes until the standby confirms it',
      'bring the standby back; or take it out of synchronous_standby_names and reload, then commits go on without it',
    )
  }),
  check('server', 'wraparound', ({ oldestDatabase: { name, xidAge } }) => {
    if (xidAge <= limits.xidAge) return null
    const severe = xidAge > limits.xidAgeFault ? fault : warning
    return severe(
      `the oldest transaction id of database ${name} is ${Math.round(xidAge / 1e6)} million transactions old`,
      'at about 2,144 million the server refuses every statement that writes',
      `VACUUM the database ${name}, after ending what holds it back: old transactions, prepared ones, replication slots`,
    )
  }),
  check('server', 'connection-limit', ({ connectionLimits }) => {
    const low = connectionLimits.filter(each => each.limit < relayConnections)
    if (low.length === 0) return null
    return warning(
      `fewer connections are allowed than a relay needs (${relayConnections}): ${list(low.map(({ of, limit }) => `${limit} for ${of}`))}`,
      'the relay cannot start',
      'ALTER ROLE ... CONNECTION LIMIT, ALTER DATABASE ... CONNECTION LIMIT',
    )
  }),
  check('locks', 'table-locks', locks => {
    const old = locks.filter(each => each.seconds > limits.lockSeconds)
    if (old.length === 0) return null
    const named = old.map(
      each =>
        `pid ${each.pid} (${each.application || 'unnamed'}, ${each.role}) has ${each.mode} on ${each.table} for ${spell(each.seconds)}`,
    )
    return fault(
      `a table is locked: ${list(named)}`,
      'the relay cannot claim or record until the lock is gone',
      'end that transaction with pg_terminate_backend(pid), or wait for it',
    )
  }),
  check('server', 'two-phase', ({ settings }) =>
    settings.max_prepared_transactions === '0'
      ? null
      : warning(
          `max_prepared_transactions is ${settings.max_prepared_transactions}`,
          'a transaction that is prepared and forgotten hides its callbacks, and keeps dead rows, until somebody ends it',
          'set it to 0 unless producers use PREPARE TRANSACTION; if they do, `ringback migrate --wake poll`, and watch pg_prepared_xacts',
        ),
  ),
  check('server', 'prepared-transactions', ({ prepared }) => {
    const old = prepared.filter(each => each.seconds > limits.preparedSeconds)
    if (old.length === 0) return null
    const named = list(old.map(each => `'${each.gid}' of ${each.owner} for ${spell(each.seconds)}`))
    return warning(
      `transactions are prepared and not ended: ${named}`,
      'callbacks written there are not seen, dead rows stay, and a share of the wake lock may keep relays from sleeping',
      'COMMIT PREPARED or ROLLBACK PREPARED, as their coordinator says',
    )
  }),
  check('transactions', 'open-transactions', transactions => {
    const old = transactions.filter(each => each.seconds > limits.transactionSeconds)
    if (old.length === 0) return null
    const named = old.map(
      each =>
        `pid ${each.pid} (${each.application || 'unnamed'}, ${each.role}, ${each.state}) for ${spell(each.seconds)}`,
    )
    return warning(
      `transactions stay open: ${list(named)}`,
      'dead rows cannot be removed meanwhile, so fetching gets slower, and what they have written is not seen',
      'end them with pg_terminate_backend(pid), or run reports and dumps on a standby',
    )
  }),
  check('server', 'slots-and-standbys', ({ distant }) => {
    const holding = distant.filter(each => !each.isActive || each.xminAge > limits.xminAge)
    if (holding.length === 0) return null
    const named = holding.map(
      each => `${each.name}${each.isActive ? '' : ', inactive'}, ${each.xminAge} transactions back`,
    )
    return warning(
      `dead rows are held back from afar: ${list(named)}`,
      'vacuum cannot remove them, so fetching gets slower',
      'drop a slot that nobody uses; end the long query on the standby, or turn hot_standby_feedback off there',
    )
  }),
  check('server', 'notification-queue', ({ queueUsage }) => {
    if (queueUsage <= 0.5) return null
    const severe = queueUsage > 0.9 ? fault : warning
    return severe(
      `the notification queue is ${Math.round(queueUsage * 100)} % full`,
      'when it is full, every transaction that notifies fails at its commit, those of producers too',
      'find the session that listens and stays in a transaction (pg_stat_activity, `idle in transaction`), and end it',
    )
  }),
  check('server', 'durability', ({ settings }) => {
    const off = (['fsync', 'full_page_writes'] as const).filter(name => settings[name] === 'off')
    if (off.length === 0) return null
    return warning(
      `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off`,
      'a crash of the machine can lose or damage callbacks that had committed',
      'turn it on, except on a database that you can throw away',
    )
  }),
  check('server', 'timeouts', ({ timeouts }) => {
    const low = timeouts.filter(({ value }) => {
      const ms = timeoutMs(value)
      return ms !== null && ms > 0 && ms < leastTimeoutMs
    })
    if (low.length === 0) return null
    return warning(
      `low timeouts hold where a relay may run: ${list(low.map(({ of, name, value }) => `${name} = ${value} for ${of}`))}`,
      "they end the relay's statements or sessions, and it has to begin again",
      `raise them for the relay's role to 10s or more, or set them to 0: ALTER ROLE ... SET ...`,
    )
  }),
]
