import { check, fault, rowOf, spell } from '../check.ts'

interface Commits {
  /** The setting synchronous_standby_names. */
  readonly names: string
  /** Connected standbys. Every role sees the rows of `pg_stat_replication`, but not all columns. */
  readonly standbys: number
  /** Sessions whose commit waits, as far as this role sees them. */
  readonly waiting: number
  /** How long the longest of them has waited. */
  readonly seconds: number
}

/** Seconds that a commit may wait. */
const patience = 5

export const synchronousStandby = check<Commits>({
  name: 'synchronous-standby',
  read: session =>
    rowOf(
      session,
      'ringback_commits',
      `select current_setting('synchronous_standby_names') as names,
              (select count(*) from pg_stat_replication)::float8 as standbys, count(*)::float8 as waiting,
              coalesce(max(extract(epoch from clock_timestamp() - state_change)), 0)::float8 as seconds
         from pg_stat_activity where wait_event = 'SyncRep'`,
    ),
  judge({ names, standbys, waiting, seconds }) {
    const isWaiting = waiting > 0 && seconds > patience
    if (!isWaiting && (names === '' || standbys > 0)) return null
    const found = isWaiting
      ? `commits wait for a synchronous standby: ${waiting}, the longest for ${spell(seconds)}`
      : 'commits need a synchronous standby, and no standby is connected'
    return fault(
      `${found} (synchronous_standby_names = '${names}', ${standbys} connected)`,
      'no transaction of the producers or of the relay completes until the standby confirms it',
      'bring the standby back; or remove it from synchronous_standby_names and reload, so that commits go on without it',
    )
  },
})
