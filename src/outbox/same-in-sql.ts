/** The page's operations as plain SQL, for people who want to run them by hand. */

/** A text as an SQL literal. */
function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

export function replaySql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET status = 'pending'\n WHERE ${among(ids)} AND status IN ('dead', 'delivered', 'cancelled');`
}

export function retrySql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET due_at = now()\n WHERE ${among(ids)} AND status = 'pending';`
}

export function cancelSql(schema: string, ids: readonly string[]): string {
  return `UPDATE ${schema}.callback SET status = 'cancelled'\n WHERE ${among(ids)} AND status = 'pending';`
}

export interface DeadInSql {
  readonly url: string | null
  readonly since: string | null
  readonly until: string
}

export function replayDeadSql(schema: string, { url, since, until }: DeadInSql): string {
  const conditions = [
    `dead_at < ${sqlText(until)}`,
    ...(since === null ? [] : [`dead_at >= ${sqlText(since)}`]),
    ...(url === null ? [] : [`starts_with(url, ${sqlText(url)})`]),
  ]
  return `UPDATE ${schema}.callback SET status = 'pending'\n WHERE ${conditions.join('\n   AND ')};`
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

function among(ids: readonly string[]): string {
  return ids.length === 1 ? `id = ${ids[0]}` : `id IN (${ids.join(', ')})`
}
