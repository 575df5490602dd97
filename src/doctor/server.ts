import { type Check, check, fault, list, spell, warning } from './finding.ts'
import { timeoutMs } from './timeout.ts'

/** Beyond these: a transaction, a prepared transaction (seconds), what a slot or a standby holds back (transaction ids). */
const limits = { transactionSeconds: 300, preparedSeconds: 60, xminAge: 1_000_000 }

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
