/**
 * SQL is written for the schema `outbox`, so that it can be read, copied into psql and run as it stands. For another
 * schema the word is replaced: as a name (`outbox.callback`), as a prefix (`outbox_relay`), as the channel ('outbox').
 * Options allow only plain lower-case names, so nothing needs quoting.
 */
export function inSchema(text: string, schema: string): string {
  return schema === 'outbox' ? text : text.replace(/\boutbox(?=\b|_)/g, schema)
}

/**
 * `c.id` equals `id`, in a way that nothing but the index on id can serve. A plan is kept for long, and may have been made
 * while the table was empty: a plain `=` between two tables is then planned as a walk through the whole index, which costs
 * nothing in an empty table, and a quarter of a second for each claim once a flood has come.
 */
export const isRow = (id: string) => `c.id = any (array[${id}])`

/** The prefixes on hold, read once a statement: as a table inside a condition they would be asked for each row. */
export const holds = `holds as materialized (select array_agg(h.url_prefix) as prefixes from outbox.hold h)`

/** True for a callback `c` that no hold stops. Needs the CTE `holds`. A plain expression, so it is asked again of a row that was changed meanwhile. */
export const isFree = `(c.url ^@ any ((select prefixes from holds)::text[])) is not true`
