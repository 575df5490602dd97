import { check, list, warning } from '../check.ts'

/** A slot or standby that keeps dead rows from being removed. */
interface Distant {
  /** Such as `replication slot a` or `standby b`. */
  readonly name: string
  readonly isActive: boolean
  /** In transaction ids. */
  readonly xminAge: number
}

/** How many transaction ids an active one may be behind. */
const patience = 1_000_000

export const slotsAndStandbys = check<readonly Distant[]>({
  name: 'slots-and-standbys',
  /** Only xmin counts: a logical slot's catalog_xmin keeps only rows of the system catalogs. */
  read: session =>
    session.rows({
      name: 'ringback_distant',
      text: `
        select 'replication slot ' || slot_name as name, active as "isActive", age(xmin) as "xminAge"
          from pg_replication_slots where xmin is not null
         union all
        select 'standby ' || application_name, true, age(backend_xmin) from pg_stat_replication where backend_xmin is not null
         order by 3 desc limit 20`,
    }),
  judge(distant) {
    const holding = distant.filter(each => !each.isActive || each.xminAge > patience)
    if (holding.length === 0) return null
    const named = holding.map(
      each => `${each.name}${each.isActive ? '' : ', inactive'}, ${each.xminAge} transactions back`,
    )
    return warning(
      `replication keeps dead rows: ${list(named)}`,
      'vacuum cannot remove them, so fetching gets slower',
      'drop a slot that nobody uses; end the long query on the standby, or turn hot_standby_feedback off there',
    )
  },
})
