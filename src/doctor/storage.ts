import { type Check, check, fault, list, warning } from './finding.ts'

/** What a claim changes; a claim is a HOT update, and writes no index, only while no index knows these. */
const claimed: readonly string[] = ['status', 'attempts', 'claimed_at', 'claimed_epoch', 'rev']

const breaks = (columns: readonly string[], table: string): boolean =>
  table === 'callback' && columns.some(column => claimed.includes(column))

const tableOf = (name: string): string => name.split('.')[0] ?? ''

export const storageChecks: readonly Check[] = [
  check('storage', 'sequence-cache', ({ sequenceCache }) =>
    sequenceCache === 1
      ? null
      : warning(
          `the sequence of callback.id has CACHE ${sequenceCache}`,
          'each session takes a block of ids and uses it up later, so ids no longer follow the order of insertion: callbacks of one key go out in the wrong order, and are found late',
          'ALTER SEQUENCE ... CACHE 1, and let sessions that have a block reconnect',
        ),
  ),
  check('storage', 'indexes-on-claimed-columns', ({ foreignIndexes }) => {
    const bad = foreignIndexes.filter(each => breaks(each.columns, tableOf(each.name)))
    if (bad.length === 0) return null
    const named = bad.map(
      ({ name, columns }) => `${name} (${columns.filter(column => claimed.includes(column)).join(', ')})`,
    )
    return warning(
      `foreign indexes hold what a claim changes: ${list(named)}`,
      'each claim then writes every index of the table again instead of none',
      'drop them; `ringback status` and sql/cookbook answer without',
    )
  }),
  check('storage', 'foreign-indexes', ({ foreignIndexes }) => {
    const others = foreignIndexes.filter(each => !breaks(each.columns, tableOf(each.name)))
    if (others.length === 0) return null
    return warning(
      `indexes that are not the schema's: ${list(others.map(each => each.name))}`,
      'every insert pays for them, and every recorded outcome',
      'drop what you do not need',
    )
  }),
  check('storage', 'foreign-triggers', ({ foreignActs }) =>
    foreignActs.length === 0
      ? null
      : warning(
          `triggers and rules that are not the schema's: ${list(foreignActs)}`,
          'they run inside the statements of producers and of the relay: when one is slow or fails, so do these',
          'drop them, or make sure that they are quick and cannot fail',
        ),
  ),
  check('storage', 'missing-parts', ({ missing }) =>
    missing.length === 0
      ? null
      : fault(
          `parts of the schema are missing, not valid or not enabled: ${list(missing)}`,
          'without an index the relay reads whole tables; without a trigger changes by SQL are not checked, or wake nobody',
          'create them anew as in sql/schema.sql; ALTER TABLE ... ENABLE TRIGGER; REINDEX',
        ),
  ),
  check('storage', 'row-security', ({ rowSecurity }) =>
    rowSecurity.length === 0
      ? null
      : fault(
          `row level security is on for ${list(rowSecurity)}`,
          'the relay sees no rows, or not all, without any error; it refuses to start where that is so for its role',
          `ALTER TABLE ... DISABLE ROW LEVEL SECURITY; Ringback's roles and column grants already separate who may do what`,
        ),
  ),
  check('storage', 'table-parameters', ({ changedParameters }) => {
    if (changedParameters.length === 0) return null
    const named = changedParameters.map(({ name, is, was }) => `${name} is ${is ?? 'not set'} instead of ${was}`)
    return warning(
      `storage parameters of callback were changed: ${list(named)}`,
      'the fillfactor leaves room for the claim on the same page, the others keep dead rows few',
      `ALTER TABLE ... SET (${changedParameters.map(({ name, was }) => `${name} = ${was}`).join(', ')})`,
    )
  }),
  check('storage', 'table-autovacuum', ({ isAutovacuumOff }) =>
    isAutovacuumOff
      ? warning(
          'autovacuum_enabled is off for callback',
          'dead rows are never removed, so fetching gets slower and the table grows',
          'ALTER TABLE ... RESET (autovacuum_enabled)',
        )
      : null,
  ),
  check('server', 'autovacuum', ({ settings }) => {
    const off = (['autovacuum', 'track_counts'] as const).filter(name => settings[name] === 'off')
    if (off.length === 0) return null
    return warning(
      `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off on this server`,
      'dead rows are never removed, so fetching gets slower and tables grow',
      'turn it on in postgresql.conf',
    )
  }),
]
