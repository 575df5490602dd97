import { check, rowOf, spell, warning } from '../check.ts'

/** The newest run of the janitor, and what is left to delete. */
interface Retention {
  /** Why it failed; null: it has not failed, or there is none. */
  readonly error: string | null
  /** Since the start of the newest successful run, or else of the first run; null: there is no run. */
  readonly behindSeconds: number | null
  /** Whether one of the oldest ten thousand settled callbacks should have been deleted. */
  readonly hasOld: boolean
}

/** A run takes minutes. The first one of a large history takes hours. */
const patienceSeconds = 86_400

export const retention = check<Retention>({
  name: 'retention',
  read: session =>
    rowOf(
      session,
      'ringback_retention',
      schema => `
        with newest as materialized (
          select r.error, r.keep_delivered, r.keep_dead from ${schema}.janitor_run r order by r.id desc limit 1
        ), oldest as materialized (
          select c.status, c.settled_at from ${schema}.callback c
           where c.settled_at is not null and c.settled_at < (select now() - least(keep_delivered, keep_dead) from newest)
           order by c.settled_at, c.id limit 10000
        )
        select (select error from newest) as error,
               (select extract(epoch from now() - coalesce(max(r.started_at) filter (where r.ended_at is not null and r.error is null), min(r.started_at)))::float8
                  from ${schema}.janitor_run r) as "behindSeconds",
               exists (select from oldest o, newest n
                        where o.settled_at < now() - case o.status when 'delivered' then n.keep_delivered else n.keep_dead end) as "hasOld"`,
    ),
  judge({ error, behindSeconds, hasOld }) {
    if (error !== null)
      return warning(
        `the last deletion of old callbacks failed: ${error}`,
        'callbacks older than --keep-delivered and --keep-dead stay, and the table grows',
        'remove the cause, such as a foreign key or a trigger on the table; the relay tries again within minutes',
      )
    if (behindSeconds === null || behindSeconds <= patienceSeconds || !hasOld) return null
    return warning(
      `callbacks are older than --keep-delivered and --keep-dead, and for ${spell(behindSeconds)} no deletion has finished`,
      'the table grows',
      'look whether a relay runs, and at its log; `ringback purge` deletes by hand',
    )
  },
})
