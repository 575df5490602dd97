import { randomUUID } from 'node:crypto'
import type { Load } from './load.ts'
import { Poster } from './post.ts'
import type { Database } from './server.ts'

/**
 * Milliseconds a row of the least that order within one key needs: a claim that is committed, the POST, a record that is
 * committed, one after another. Both statements change one row by its primary key.
 */
export async function oneByOneMs({ client }: Database, { rows, urls }: Load): Promise<number> {
  await client.query('create table item (id bigint primary key, state text not null) with (fillfactor = 50)')
  await client.query(`insert into item select n, 'pending' from generate_series(1, $1::int) n`, [rows])
  const poster = new Poster(1)
  const change = { name: 'change', text: 'update item set state = $2 where id = $1' }
  const startedAt = performance.now()
  for (let n = 1; n <= rows; n++) {
    await client.query({ ...change, values: [n, 'claimed'] })
    await poster.post({ id: randomUUID(), url: urls[0] ?? '', form: { n, flowId: 7, flowExecutionId: 31, code: 2 } })
    await client.query({ ...change, values: [n, 'delivered'] })
  }
  const tookMs = performance.now() - startedAt
  await poster.close()
  return tookMs / rows
}
