/** The page's operations as plain SQL, for people who want to run them by hand, and the conditions that record them. */
import type { Purged } from './purge.ts'
import { urlStartOf } from './url-start.ts'

/** A text as an SQL literal. */
function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function replaySql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET status = 'pending'\n WHERE ${idsSql(ids)} AND status IN ('dead', 'delivered', 'cancelled');`
}

export function retrySql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET due_at = now()\n WHERE ${idsSql(ids)} AND status = 'pending';`
}

export function cancelSql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET status = 'cancelled'\n WHERE ${idsSql(ids)} AND status = 'pending';`
}

export interface AmendmentInSql {
  readonly id: string
  readonly url: string
  readonly form: string
  /** Not settled: it need not be replayed. */
  readonly isWaiting: boolean
}

export function amendSql(schema: string, { id, url, form, isWaiting }: AmendmentInSql): string {
  const [change, states] = isWaiting
    ? ['', `= 'pending'`]
    : [`, status = 'pending'`, `IN ('dead', 'delivered', 'cancelled')`]
  return `UPDATE ${schema}.callback\n   SET url = ${sqlText(url)},\n       form = ${sqlText(form)}${change}\n WHERE ${idsSql([id])} AND status ${states};`
}

export interface DeadInSql {
  readonly url: string | null
  readonly since: string | null
  readonly until?: string
}

export function replayDeadSql(schema: string, dead: DeadInSql): string {
  return `UPDATE ${schema}.callback SET status = 'pending'\n WHERE ${deadSql(schema, dead, '\n   AND ')};`
}

export function deadSql(schema: string, { url, since, until }: DeadInSql, and = ' AND '): string {
  const conditions = [
    until === undefined ? 'dead_at IS NOT NULL' : `dead_at < ${sqlText(until)}`,
    ...(since === null ? [] : [`dead_at >= ${sqlText(since)}`]),
    ...(url === null ? [] : [urlSql(schema, url, and)]),
  ]
  return conditions.join(and)
}

export function urlSql(schema: string, url: string, and = ' AND '): string {
  const { origin, rest } = urlStartOf(url)
  const isOrigin = `origin = ${sqlText(origin)}`
  return rest === '/' ? isOrigin : `${isOrigin}${and}starts_with(${schema}.rest_of(url), ${sqlText(rest)})`
}

export function heldSql(urlPrefix: string): string {
  return `url_prefix = ${sqlText(urlPrefix)}`
}

export function keySql(key: string): string {
  return `ordering_key = ${sqlText(key)}`
}

export function purgeSql({ deliveredBefore, deadBefore }: Purged): string {
  const parts = [
    ...(deliveredBefore === null ? [] : [`status = 'delivered' AND settled_at < ${sqlText(deliveredBefore)}`]),
    ...(deadBefore === null ? [] : [`status IN ('dead', 'cancelled') AND settled_at < ${sqlText(deadBefore)}`]),
  ]
  return parts.join(' OR ')
}

export function holdSql(schema: string, urlPrefix: string, reason: string): string {
  return `INSERT INTO ${schema}.hold (url_prefix, reason)\nVALUES (${sqlText(urlPrefix)}, ${sqlText(reason)});`
}

export function releaseSql(schema: string, id: string): string {
  return `DELETE FROM ${schema}.hold WHERE id = ${id};`
}

/** A first callback to try. */
export function insertSql(schema: string): string {
  return `INSERT INTO ${schema}.callback (url, form, ordering_key)\nVALUES ('https://crm.example/callbacks',\n        '{"flowId": 7, "flowExecutionId": 31, "code": 2}',\n        'crm, execution 31');`
}

export function idsSql(ids: readonly string[]): string {
  return ids.length === 1 ? `id = ${ids[0]}` : `id IN (${ids.join(', ')})`
}
