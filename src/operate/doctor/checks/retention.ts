import { check, rowOf, spell, warning } from '../check.ts'

/** What the newest run of the janitor says, and what it has left. */
interface Retention {
  /** Why it failed; null: it has not, or there is none. */
  readonly error: string | null
  /** Since the newest run began that has come to its end, or else the first one; null: there is none. */
  readonly behindSeconds: number | null
  /** Among the oldest ten thousand settled callbacks is one that is older than what is kept. */
  readonly hasOld: boolean
}

/** A run ends within minutes, unless it is the first one of a large history: that takes hours. */
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
        `the last run of what deletes history failed: ${error}`,
        'callbacks older than --keep-delivered and --keep-dead stay, and the table grows',
        'cure the cause, such as a foreign key or a trigger on the table; the relay tries again within minutes',
      )
    if (behindSeconds === null || behindSeconds <= patienceSeconds || !hasOld) return null
    return warning(
      `callbacks are older than what is kept, and for ${spell(behindSeconds)} no run of what deletes history has come to its end`,
      'the table grows',
      'look whether a relay runs, and at its log; `ringback purge` deletes by hand',
    )
  },
})
