/** What a contestant has to deliver. */
export interface Load {
  readonly rows: number
  /** `none`: no order; `each`: every row its own key; `pairs`: two neighbouring rows a key; `one`: all rows the same key. */
  readonly keys: 'none' | 'each' | 'pairs' | 'one'
  /** Where the rows go, in turn; rows of a key to the same. */
  readonly urls: readonly string[]
}

const KEYS = {
  none: 'null::text',
  each: `'k' || n`,
  pairs: `'k' || (n + 1) / 2`,
  one: `'k'`,
} as const

/**
 * SQL for the rows: `id` (uuid), `n`, `key`, `url`, `form` (json). The form is the scheduler's, with `n` first, by which the
 * receiver knows the row.
 */
export function rowsSql({ rows, keys, urls }: Load, from = 1): string {
  const turn = keys === 'pairs' ? '(n + 1) / 2' : 'n'
  return `select gen_random_uuid() as id, n, ${KEYS[keys]} as key,
                 (array[${urls.map(url => `'${url}'`).join(', ')}])[1 + ((${turn}) % ${urls.length})::int] as url,
                 json_build_object('n', n, 'flowId', 7, 'flowExecutionId', 31, 'code', 2) as form
            from generate_series(${from}::bigint, ${from + rows - 1}::bigint) n`
}
