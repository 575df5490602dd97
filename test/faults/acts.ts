import type { Act } from '../checker/history.ts'
import type { Stage } from './stage.ts'

interface Acted {
  readonly message_id: string
  readonly attempts: number
}

/** Sends settled rows out again, at most so many, the oldest first; returns how many. */
export async function replay(stage: Stage, from: string, count: number): Promise<{ upTo: string; count: number }> {
  const { rows } = await stage.client.query<Acted & { id: string }>(
    `update outbox.callback set status = 'pending'
      where id in (select id from outbox.callback where id > $1 and status = 'delivered' order by id limit $2) and status = 'delivered'
      returning id::text, message_id, attempts`,
    [from, count],
  )
  note(stage, 'replay', rows)
  const upTo = rows.reduce((upTo, { id }) => (BigInt(id) > BigInt(upTo) ? id : upTo), from)
  return { upTo, count: rows.length }
}

/** Cancels rows that wait, with keys like this, at most so many; returns how many. */
export async function cancel(stage: Stage, keys: string, count: number): Promise<number> {
  const { rows } = await stage.client.query<Acted>(
    `update outbox.callback set status = 'cancelled'
      where id in (select id from outbox.callback where status = 'pending' and ordering_key like $1 order by random() limit $2) and status = 'pending'
      returning message_id, attempts`,
    [keys, count],
  )
  note(stage, 'cancel', rows)
  return rows.length
}

/** Gives waiting rows another form, at most so many; returns how many. */
export async function amend(stage: Stage, keys: string, count: number): Promise<number> {
  const { rows } = await stage.client.query<{ message_id: string; n: string }>(
    `update outbox.callback set form = json_build_object('n', form ->> 'n', 'amended', 'yes')
      where id in (select id from outbox.callback where status = 'pending' and ordering_key like $1 order by random() limit $2) and status = 'pending'
      returning message_id, form ->> 'n' as n`,
    [keys, count],
  )
  for (const { message_id, n } of rows)
    stage.amended.set(message_id, new URLSearchParams({ n, amended: 'yes' }).toString())
  return rows.length
}

function note(stage: Stage, act: Act['act'], rows: readonly Acted[]): void {
  for (const { message_id, attempts } of rows) stage.acts.push({ messageId: message_id, act, attempts })
}
