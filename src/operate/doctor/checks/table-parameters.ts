import type { Session } from '../../../outbox/session.ts'
import { check, list, rowOf, warning } from '../check.ts'

/** Storage parameters of the table `callback`, as `name=value`. */
interface Parameters {
  readonly parameters: readonly string[]
}

/** The values of sql/schema.sql. */
const own: Readonly<Record<string, string>> = {
  fillfactor: '50',
  autovacuum_vacuum_scale_factor: '0.02',
  autovacuum_vacuum_threshold: '10000',
  autovacuum_vacuum_insert_scale_factor: '0.1',
  autovacuum_vacuum_cost_delay: '0',
}

function readParameters(session: Session): Promise<Parameters> {
  const text = (schema: string) =>
    `select coalesce(reloptions, '{}') as parameters from pg_class where oid = '${schema}.callback'::regclass`
  return rowOf(session, 'ringback_parameters', text)
}

const valuesOf = ({ parameters }: Parameters): Readonly<Record<string, string>> =>
  Object.fromEntries(parameters.map(each => each.split('=') as [string, string]))

export const tableParameters = check<Parameters>({
  name: 'table-parameters',
  read: readParameters,
  judge(found) {
    const is = valuesOf(found)
    const changed = Object.entries(own).filter(([name, was]) => is[name] !== was)
    if (changed.length === 0) return null
    return warning(
      `storage parameters of callback were changed: ${list(changed.map(([name, was]) => `${name} is ${is[name] ?? 'not set'} instead of ${was}`))}`,
      'the fillfactor leaves room for the claim on the same page, the others keep dead rows few',
      `ALTER TABLE ... SET (${changed.map(([name, was]) => `${name} = ${was}`).join(', ')})`,
    )
  },
})

export const tableAutovacuum = check<Parameters>({
  name: 'table-autovacuum',
  read: readParameters,
  judge: found =>
    /^(off|false|no|0)$/.test(valuesOf(found).autovacuum_enabled ?? 'on')
      ? warning(
          'autovacuum_enabled is off for callback',
          'dead rows are never removed, so fetching gets slower and the table grows',
          'ALTER TABLE ... RESET (autovacuum_enabled)',
        )
      : null,
})
