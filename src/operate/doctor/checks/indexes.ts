import type { Session } from '../../../outbox/session.ts'
import { check, fault, list, warning } from '../check.ts'
import { isOurTable } from '../tables.ts'

export interface Index {
  readonly index: string
  /** Written `table.index`. */
  readonly name: string
  readonly valid: boolean
  /** Columns in its key, expressions and predicate. */
  readonly columns: readonly string[]
}

/** The schema's own indexes. A test compares this list with a freshly migrated database. */
export const ownIndexes: readonly string[] = [
  'attempt_log_pkey',
  'callback_dead',
  'callback_dedupe_key',
  'callback_due',
  'callback_expires',
  'callback_fresh',
  'callback_key',
  'callback_pkey',
  'callback_settled',
  'callback_supersede',
  'callback_waiting',
  'hold_below',
  'hold_pkey',
  'hold_place',
  'janitor_run_pkey',
  'operation_pkey',
  'pulse_pkey',
  'relay_pkey',
]

/** The columns that a claim changes. While no index has one of them, a claim is a HOT update and writes no index. */
const claimed: readonly string[] = ['status', 'attempts', 'claimed_at', 'claimed_epoch', 'rev']

/**
 * Finds columns of the key by position, and those of expressions and of the predicate by dependency. Position is
 * needed, since an index of a constraint depends only on the constraint.
 */
function readIndexes(session: Session): Promise<Index[]> {
  return session.rows({
    name: 'ringback_indexes',
    text: schema => `
      select x.relname as index, c.relname || '.' || x.relname as name, i.indisvalid as valid,
             array(select a.attname::text from pg_attribute a
                    where a.attrelid = i.indrelid and a.attnum > 0
                      and (a.attnum = any (i.indkey) or exists (
                            select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                               and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
                    order by a.attnum) as columns
        from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
       where ${isOurTable(schema)} order by 2`,
  })
}

const isForeign = ({ index }: Index) => !ownIndexes.includes(index)

const claimedIn = ({ name, columns }: Index) =>
  name.startsWith('callback.') ? columns.filter(column => claimed.includes(column)) : []

export const indexesOnClaimedColumns = check<readonly Index[]>({
  name: 'indexes-on-claimed-columns',
  read: readIndexes,
  judge(indexes) {
    const bad = indexes.filter(each => isForeign(each) && claimedIn(each).length > 0)
    if (bad.length === 0) return null
    return warning(
      `indexes that are not the schema's have columns that a claim changes: ${list(bad.map(each => `${each.name} (${claimedIn(each).join(', ')})`))}`,
      'each claim then writes to every index of the table instead of none',
      'drop them; `ringback status` and the cookbook, `ringback sql`, do not need them',
    )
  },
})

export const foreignIndexes = check<readonly Index[]>({
  name: 'foreign-indexes',
  read: readIndexes,
  judge(indexes) {
    const others = indexes.filter(each => isForeign(each) && claimedIn(each).length === 0)
    if (others.length === 0) return null
    return warning(
      `indexes that are not the schema's: ${list(others.map(each => each.name))}`,
      'they make every insert and every recorded outcome slower',
      'drop what you do not need',
    )
  },
})

export const missingIndexes = check<readonly Index[]>({
  name: 'missing-indexes',
  read: readIndexes,
  judge(indexes) {
    const sound = indexes.filter(each => each.valid).map(each => each.index)
    const missing = ownIndexes.filter(name => !sound.includes(name))
    if (missing.length === 0) return null
    return fault(
      `indexes of the schema are missing or not valid: ${list(missing)}`,
      'the relay reads whole tables instead',
      'create them again as in sql/schema.sql, or REINDEX',
    )
  },
})
