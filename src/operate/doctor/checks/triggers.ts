import type { Session } from '../../../outbox/session.ts'
import { check, fault, list, warning } from '../check.ts'
import { isOurTable } from '../tables.ts'

export interface Act {
  readonly kind: 'trigger' | 'rule'
  /** Written `table.trigger`. */
  readonly name: string
  readonly enabled: boolean
  /** It runs before the change of each row, or instead of it, and may leave the change out without an error. */
  readonly mayDrop: boolean
}

/** The schema's own triggers. A test compares this list with a freshly migrated database. */
export const ownTriggers: readonly string[] = [
  'callback.operator_change',
  'callback.refuse_delete',
  'callback.wake',
  'callback.zz_new_callback',
  'hold.tell_of_holds',
]

/** Missing after `migrate --wake poll`, which is no fault. */
export const optionalTrigger = 'callback.wake'

/** From cookbook/on_dead.sql. It is quick, and turns its errors into warnings. */
const cookbookTrigger = 'callback.tell_of_dead'

/** In pg_trigger.tgtype: for each row, before its change. */
const rowBefore = 0b11

function readActs(session: Session): Promise<Act[]> {
  return session.rows({
    name: 'ringback_acts',
    text: schema => `
      select 'trigger' as kind, c.relname || '.' || g.tgname as name, g.tgenabled in ('O', 'A') as enabled,
             g.tgtype & ${rowBefore} = ${rowBefore} as "mayDrop"
        from pg_trigger g join pg_class c on c.oid = g.tgrelid where not g.tgisinternal and ${isOurTable(schema)}
       union all
      select 'rule', c.relname || '.' || r.rulename, r.ev_enabled in ('O', 'A'), r.is_instead
        from pg_rewrite r join pg_class c on c.oid = r.ev_class where ${isOurTable(schema)}
       order by 1, 2`,
  })
}

const isOwn = ({ kind, name }: Act) => kind === 'trigger' && ownTriggers.includes(name)

export const foreignTriggers = check<readonly Act[]>({
  name: 'foreign-triggers',
  read: readActs,
  judge(acts) {
    const foreign = acts.filter(each => !isOwn(each) && each.name !== cookbookTrigger)
    if (foreign.length === 0) return null
    return warning(
      `triggers and rules that are not the schema's: ${list(foreign.map(({ kind, name }) => `${kind} ${name}`))}`,
      `they run inside the statements of producers and of the relay: when one is slow or fails, so do these${dropping(foreign)}`,
      'drop them, or make sure that they are quick, cannot fail, and let every change pass',
    )
  },
})

/** PostgreSQL tells of a change that is left out by the count of rows only. */
function dropping(acts: readonly Act[]): string {
  const names = acts.filter(each => each.mayDrop).map(({ kind, name }) => `${kind} ${name}`)
  if (names.length === 0) return ''
  return `; ${list(names)} can also leave out a change without an error (RETURN NULL, DO INSTEAD): a callback is then not written, or waits for ever`
}

export const missingTriggers = check<readonly Act[]>({
  name: 'missing-triggers',
  read: readActs,
  judge(acts) {
    const enabled = acts.filter(each => isOwn(each) && each.enabled).map(each => each.name)
    const isPolling = !acts.some(each => each.name === optionalTrigger)
    const missing = ownTriggers.filter(name => !enabled.includes(name) && !(isPolling && name === optionalTrigger))
    if (missing.length === 0) return null
    return fault(
      `triggers of the schema are missing or not enabled: ${list(missing)}`,
      'an INSERT fails, changes by SQL are not checked, or nobody is woken',
      'create them again as in sql/schema.sql, or ALTER TABLE ... ENABLE TRIGGER',
    )
  },
})
