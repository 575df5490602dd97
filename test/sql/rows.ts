import type pg from 'pg'

/** What the tests look at; times as text, to the microsecond. */
export interface Row {
  readonly id: string
  readonly message_id: string
  readonly status: string
  readonly url: string
  readonly form: string
  readonly ordering_key: string | null
  readonly attempts: number
  readonly budget_from: number
  readonly max_attempts: number | null
  readonly due_at: string | null
  readonly expires_at: string | null
  readonly settled_at: string | null
  readonly dead_at: string | null
  readonly claimed_epoch: string | null
  readonly last_error: string | null
  /** due_at is within the last ten seconds. */
  readonly due_now: boolean | null
}

const columns = `id, message_id, status, url, form::text, ordering_key, attempts, budget_from, max_attempts, due_at::text,
  expires_at::text, settled_at::text, dead_at::text, claimed_epoch, last_error,
  due_at between clock_timestamp() - interval '10 s' and clock_timestamp() as due_now`

export async function read(client: pg.Client, id: string): Promise<Row> {
  const { rows } = await client.query<Row>(`select ${columns} from outbox.callback where id = $1`, [id])
  if (!rows[0]) throw new Error(`callback ${id} is not there`)
  return rows[0]
}

/** All rows, in the order of their ids. */
export async function readAll(client: pg.Client): Promise<Row[]> {
  return (await client.query<Row>(`select ${columns} from outbox.callback order by id`)).rows
}

/** Inserts a callback; columns that are not given have their defaults. Returns its id. */
export async function write(client: pg.Client, values: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const row = { url: 'https://crm.example/callbacks', ...values }
  const places = Object.keys(row).map((_, index) => `$${index + 1}`)
  const text = `insert into outbox.callback (${Object.keys(row)}) values (${places}) returning id`
  const { rows } = await client.query<{ id: string }>(text, Object.values(row))
  return rows[0]?.id ?? ''
}

/** What the relay writes when it claims. */
export async function claim(client: pg.Client, id: string): Promise<void> {
  await client.query(
    `update outbox.callback
        set status = 'claimed', attempts = attempts + 1, claimed_at = clock_timestamp(), claimed_epoch = 1, rev = rev + 1
      where id = $1`,
    [id],
  )
}

/** What the relay writes when an attempt has ended; of one that is not the last, but for its entry in the log. */
export async function record(client: pg.Client, id: string, status: 'delivered' | 'dead' | 'pending'): Promise<void> {
  await client.query(
    `update outbox.callback
        set status = $2, rev = rev + 1, last_error = case $2 when 'delivered' then null else 'HTTP 500' end,
            due_at = case $2 when 'pending' then clock_timestamp() + interval '1 hour' end,
            settled_at = case $2 when 'pending' then null else clock_timestamp() end,
            dead_at = case $2 when 'dead' then clock_timestamp() end,
            last_http_status = case $2 when 'delivered' then 200 else 500 end,
            last_started_at = case when $2 <> 'pending' then clock_timestamp() - interval '2 s' end,
            last_finished_at = case when $2 <> 'pending' then clock_timestamp() end,
            last_epoch = case when $2 <> 'pending' then 1 end,
            last_outcome = case $2 when 'delivered' then 'delivered' when 'dead' then 'failed' end,
            last_attempt_error = case $2 when 'dead' then 'HTTP 500' end,
            last_excerpt = case $2 when 'dead' then 'oops' end,
            last_relay = case when $2 <> 'pending' then 'relay-1' end
      where id = $1`,
    [id, status],
  )
}

export type Status = 'pending' | 'claimed' | 'delivered' | 'dead' | 'cancelled'

/** A new callback that has come to be in this state. */
export async function writeAs(
  client: pg.Client,
  status: Status,
  values: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const id = await write(client, values)
  if (status === 'cancelled') await client.query(`update outbox.callback set status = 'cancelled' where id = $1`, [id])
  else if (status !== 'pending') await claim(client, id)
  if (status === 'delivered' || status === 'dead') await record(client, id, status)
  return id
}
