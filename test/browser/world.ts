import type pg from 'pg'
import { registered } from '../fixtures/registered.ts'

/** What a receiver, a producer or an attacker may write. */
export const evil = `</pre><script>alert(1)</script>"'&<img src=x onerror=alert(2)>`

/** The callbacks that acts are tried on. */
export interface World {
  readonly dead: string
  readonly failed: string
  readonly waiting: string
  readonly claimed: string
  readonly delivered: string
  readonly cancelled: string
}

/** A receiver that is down since 23 minutes, one that refuses, two that are well; three relays, of which one stands by; two holds. */
export async function fill(db: pg.Client): Promise<World> {
  await db.query(registered('relay-1', { host: 'app-1', version: '0.1.0', lease: '15 s', origins: 108 }))
  await db.query(registered('relay-2', { host: 'app-2', version: '0.1.0', lease: '15 s', origins: 106 }))
  await db.query(
    registered('relay-3', { host: 'app-3', version: '0.1.0', lease: '15 s', standby: 'its settings differ' }),
  )
  await db.query(
    `
    insert into outbox.hold (url_prefix, reason, held_by, held_at) values
      ('https://erp.example/stock/', 'ERP upgrade until 06:00', 'oncall', now() - interval '5 h'), ($1, $2, 'oncall', now() - interval '2 d')`,
    ['https://crm.example/a?alert(3)', evil],
  )
  const rows = [
    row(4, 'https://erp.example/invoices/4790412/created', 'failed', 'invoice-4790412'),
    row(1_190, 'https://erp.example/orders/', 'failed', null),
    row(30, 'https://erp.example/orders/', 'behind', 'invoice-4790412'),
    row(3, 'https://crm.example/customers/8812/changed', 'claimed', null),
    row(60, 'https://crm.example/customers/', 'waiting', null),
    row(80, 'https://dwh.example/loads/nightly/partitions/2026-11-29/finished', 'dead', 'load-2026-11-29'),
    row(900, 'https://crm.example/customers/', 'delivered', null),
    row(2, 'https://crm.example/customers/', 'cancelled', null),
    row(1, `https://crm.example/?q=${encodeURIComponent(evil)}`, 'evil', evil),
  ]
  for (const { text, values } of rows) await db.query(text, values)
  await db.query(`
    insert into outbox.attempt_log (callback_id, message_id, epoch, started_at, finished_at, attempt, http_status, outcome, error, response_excerpt, relay)
    select id, message_id, 7, now() - (24 - n) * interval '1 min', now() - (24 - n) * interval '1 min' + interval '30 ms', n,
           case when n % 2 = 0 then 503 end, case when n % 2 = 0 then 'failed' else 'not_sent' end,
           case when n % 2 = 0 then '503 Service Unavailable' else 'connection refused (ECONNREFUSED)' end,
           case when n % 2 = 0 then '<html><body>The ERP is being upgraded. </body></html>' end, 'relay-1'
      from outbox.callback, generate_series(1, 5) n where attempts = 6`)
  await db.query(
    `insert into outbox.operation (act, condition, done, left_alone, program) values
       ('replay', 'id IN (1288, 1289, 1290)', 2, 1, 'ringback ui'), ('hold', 'url_prefix = ' || quote_literal($1::text), 1, 0, 'ringback hold'),
       ('cancel', 'origin = ''https://erp.example'' AND starts_with(outbox.rest_of(url), ' || quote_literal('/invoices/' || repeat('4790412', 60)) || ')', 12000, 0, 'ringback cancel')`,
    [evil],
  )
  await db.query('analyze')
  const id = async (where: string) =>
    (await db.query(`select min(id)::text as id from outbox.callback where ${where}`)).rows[0].id
  return {
    dead: await id(`status = 'dead'`),
    failed: await id(`status = 'pending' and attempts = 6`),
    waiting: await id(`status = 'pending' and attempts = 0 and ordering_key is null`),
    claimed: await id(`status = 'claimed'`),
    delivered: await id(`status = 'delivered'`),
    cancelled: await id(`status = 'cancelled'`),
  }
}

type Kind = 'failed' | 'behind' | 'waiting' | 'claimed' | 'dead' | 'delivered' | 'cancelled' | 'evil'

function row(count: number, url: string, kind: Kind, key: string | null) {
  const status =
    kind === 'failed' || kind === 'behind' || kind === 'waiting' ? 'pending' : kind === 'evil' ? 'dead' : kind
  const isSettled = status === 'dead' || status === 'delivered' || status === 'cancelled'
  const error =
    kind === 'failed'
      ? '503 Service Unavailable'
      : kind === 'dead'
        ? '422 Unprocessable Content'
        : kind === 'evil'
          ? evil
          : null
  const outcome = status === 'dead' ? 'rejected' : status === 'delivered' ? 'delivered' : null
  const attempts = kind === 'failed' ? 6 : kind === 'behind' || kind === 'waiting' || kind === 'cancelled' ? 0 : 1
  const form = JSON.stringify({
    event: 'invoice.created',
    invoice: '4790412',
    amount: '1204.00',
    note: kind === 'evil' ? evil : 'Nothing special.',
  })
  return {
    text: `
      insert into outbox.callback (url, form, ordering_key, status, attempts, rev, created_at, due_at, settled_at, dead_at, last_error, last_attempt_error,
        last_excerpt, last_http_status, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay, claimed_at, claimed_epoch)
      select $1::text || case when $1::text like '%/' then n::text else '' end, $2::json, $3::text, $4::text, $5::int, $5::int, now() - interval '25 min',
             case when $6::boolean then now() + n * interval '1 s' end, at, case when $4 = 'dead' then at end, $7::text, case when $9::text is not null then $7 end, $8::text,
             case when $9::text = 'rejected' then 422 when $9 = 'delivered' then 200 end,
             started, started + interval '30 ms', case when $9 is not null then 7 end, $9::text,
             case when $9 is not null then 'relay-1' end, case when $4 = 'claimed' then now() when $6 then now() - interval '23 min' end,
             case when $4 = 'claimed' then 7 end
        from generate_series(1, $10::int) n, lateral (select now() - n * interval '20 s' as moment) m,
             lateral (select case when $11::boolean then moment end as at, case when $9::text is not null then moment - interval '30 ms' end as started) s`,
    values: [
      url,
      form,
      key,
      status,
      attempts,
      kind === 'failed',
      error,
      kind === 'evil' ? evil : null,
      outcome,
      count,
      isSettled,
    ],
  }
}
