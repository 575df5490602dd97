import type { Session, Statement } from '../session.ts'
import { optionalTrigger, ownIndexes, ownParameters, ownTriggers } from './own.ts'

/** What was changed about the tables since the schema made them. */
export interface StorageFacts {
  /** Ids that each session takes at a time from the sequence of `callback.id`. */
  readonly sequenceCache: number
  readonly foreignIndexes: readonly ForeignIndex[]
  /** Triggers and rules, as `trigger callback.a`. */
  readonly foreignActs: readonly string[]
  /** Indexes and triggers of the schema that are not there, not valid or not enabled. */
  readonly missing: readonly string[]
  /** Storage parameters of `callback` that differ from the schema's; null: not set. */
  readonly changedParameters: readonly { readonly name: string; readonly is: string | null; readonly was: string }[]
  /** Whether the table `callback` is left out by autovacuum. */
  readonly isAutovacuumOff: boolean
  /** Tables with row level security. */
  readonly rowSecurity: readonly string[]
}

export interface ForeignIndex {
  /** As `table.index`. */
  readonly name: string
  /** Columns in its key, expressions and predicate. */
  readonly columns: readonly string[]
}

interface Index extends ForeignIndex {
  readonly index: string
  readonly valid: boolean
}

interface Act {
  readonly kind: 'trigger' | 'rule'
  readonly name: string
  readonly enabled: boolean
}

const tables = `c.relnamespace = (select oid from pg_namespace where nspname = 'outbox') and c.relname in ('callback', 'attempt', 'lane', 'relay', 'hold')`

/** By position for the key, by dependency for expressions and predicate: that of a constraint depends on the constraint alone. */
const indexesStatement: Statement = {
  name: 'ringback_indexes',
  text: `
    select x.relname as index, c.relname || '.' || x.relname as name, i.indisvalid as valid,
           array(select a.attname::text from pg_attribute a
                  where a.attrelid = i.indrelid and a.attnum > 0
                    and (a.attnum = any (i.indkey) or exists (
                          select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = i.indexrelid
                             and d.refclassid = 'pg_class'::regclass and d.refobjid = i.indrelid and d.refobjsubid = a.attnum))
                  order by a.attnum) as columns
      from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
     where ${tables} order by 2`,
}

const actsStatement: Statement = {
  name: 'ringback_acts',
  text: `
    select 'trigger' as kind, c.relname || '.' || g.tgname as name, g.tgenabled in ('O', 'A') as enabled
      from pg_trigger g join pg_class c on c.oid = g.tgrelid where not g.tgisinternal and ${tables}
     union all
    select 'rule', c.relname || '.' || r.rulename, r.ev_enabled in ('O', 'A')
      from pg_rewrite r join pg_class c on c.oid = r.ev_class where ${tables}
     order by 1, 2`,
}

const tableStatement: Statement = {
  name: 'ringback_table',
  text: `
    select coalesce(reloptions, '{}') as parameters,
           (select seqcache::float8 from pg_sequence where seqrelid = pg_get_serial_sequence('outbox.callback', 'id')::regclass) as cache
      from pg_class where oid = 'outbox.callback'::regclass`,
}

const rowSecurityStatement: Statement = {
  name: 'ringback_row_security_tables',
  text: `select c.relname::text as table from pg_class c where c.relrowsecurity and ${tables} order by 1`,
}

export async function readStorage(session: Session): Promise<StorageFacts> {
  const indexes = await session.rows<Index>(indexesStatement)
  const acts = await session.rows<Act>(actsStatement)
  const [table] = await session.rows<{ parameters: string[]; cache: number }>(tableStatement)
  if (!table) throw new Error('the table callback must be there: its schema was found to fit')
  const is = Object.fromEntries(table.parameters.map(each => each.split('=') as [string, string]))
  return {
    sequenceCache: table.cache,
    foreignIndexes: indexes
      .filter(each => !ownIndexes.includes(each.index))
      .map(({ name, columns }) => ({ name, columns })),
    foreignActs: acts.filter(each => !isOwn(each)).map(({ kind, name }) => `${kind} ${name}`),
    missing: missing(indexes, acts),
    changedParameters: Object.entries(ownParameters).flatMap(([name, was]) =>
      is[name] === was ? [] : [{ name, is: is[name] ?? null, was }],
    ),
    isAutovacuumOff: /^(off|false|no|0)$/.test(is.autovacuum_enabled ?? 'on'),
    rowSecurity: (await session.rows<{ table: string }>(rowSecurityStatement)).map(each => each.table),
  }
}

function isOwn({ kind, name }: Act): boolean {
  return kind === 'trigger' && ownTriggers.includes(name)
}

function missing(indexes: readonly Index[], acts: readonly Act[]): string[] {
  const sound = indexes.filter(each => each.valid).map(each => each.index)
  const enabled = acts.filter(each => isOwn(each) && each.enabled).map(each => each.name)
  const isAway = !acts.some(each => each.name === optionalTrigger)
  return [
    ...ownIndexes.filter(name => !sound.includes(name)).map(name => `index ${name}`),
    ...ownTriggers
      .filter(name => !enabled.includes(name) && !(isAway && name === optionalTrigger))
      .map(name => `trigger ${name}`),
  ]
}
