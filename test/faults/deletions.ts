import type pg from 'pg'

/** The schema that takes what is deleted from the outbox. */
export const DELETED = 'deleted'

/**
 * From now on what is deleted from the outbox, by whomever, is kept as it was, with the time, in the same transaction: so that
 * a row that history has lost can be told from one whose time was over. Attempts are shown by the view of the product.
 */
export async function watchDeletions(client: pg.Client): Promise<void> {
  await client.query(`create schema ${DELETED}`)
  for (const table of ['callback', 'attempt_log']) {
    await client.query(`
      create table ${DELETED}.${table} as select *, clock_timestamp() as deleted_at from outbox.${table} with no data;
      create function ${DELETED}.keep_${table}() returns trigger language plpgsql as $$
        begin
          insert into ${DELETED}.${table} select *, clock_timestamp() from gone;
          return null;
        end $$;
      create trigger keep_deleted after delete on outbox.${table} referencing old table as gone
        for each statement execute function ${DELETED}.keep_${table}()`)
  }
  const { rows } = await client.query<{ text: string }>(`select pg_get_viewdef('outbox.attempt'::regclass) as text`)
  await client.query(`create index on ${DELETED}.callback (id)`)
  await client.query(`create view ${DELETED}.attempt as ${rows[0]?.text.replaceAll('outbox.', `${DELETED}.`)}`)
}

export async function areDeletionsWatched(client: pg.Client): Promise<boolean> {
  const { rowCount } = await client.query(`select from pg_namespace where nspname = '${DELETED}'`)
  return rowCount === 1
}
