/** What a producer in Node can call instead of an INSERT. */

import { isSchemaName } from './sql-files.ts'

/** A connection or a transaction of a library with such a method, for example `pg.Client`. */
export interface ProducerClient {
  query(text: string, values: unknown[]): Promise<{ readonly rows: readonly unknown[] }>
}

type FieldValue = string | number | bigint | boolean

/** A flat object. Fields are sent in its order, except that JavaScript puts names that are whole numbers first. */
export type Form = Readonly<Record<string, FieldValue | readonly FieldValue[] | null | undefined>>

export interface NewCallback {
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  /** A field that is null or undefined is left out. A bigint keeps all its digits. Default: no fields. */
  readonly form?: Form
  /** Callbacks with the same key are sent one at a time, in the order written. Default: no order. */
  readonly orderingKey?: string
  /** A second callback with the same key is not written. */
  readonly dedupeKey?: string
  /** Needs `orderingKey`. Of the waiting callbacks with both keys the same, only the newest is sent. */
  readonly supersedeKey?: string
  /** The earliest time to send. Default: at once. */
  readonly dueAt?: Date
  /** The latest time to send. Default: no limit. */
  readonly expiresAt?: Date
  /** Default: the relay's `--max-attempts`. */
  readonly maxAttempts?: number
  /** W3C Trace Context, forwarded as it is. */
  readonly traceparent?: string
}

const columns: Readonly<Record<keyof NewCallback, string>> = {
  url: 'url',
  form: 'form',
  orderingKey: 'ordering_key',
  dedupeKey: 'dedupe_key',
  supersedeKey: 'supersede_key',
  dueAt: 'due_at',
  expiresAt: 'expires_at',
  maxAttempts: 'max_attempts',
  traceparent: 'traceparent',
}

/** The callback that was written. */
export interface Enqueued {
  /** A bigint, as text. */
  readonly id: string
  /** The `webhook-id` of all its attempts. */
  readonly messageId: string
}

/**
 * Writes a callback in the transaction of the client. It is sent after the commit, and never after a rollback.
 *
 * @returns null when a callback with this `dedupeKey` exists.
 * @throws TypeError for an unknown property, and for a value in the form that could not be sent as it is; otherwise the
 *   error of the database.
 */
export async function writeCallback(
  client: ProducerClient,
  callback: NewCallback,
  schema: string,
): Promise<Enqueued | null> {
  if (!isSchemaName(schema))
    throw new TypeError(`schema: expected a lower-case SQL name; got ${JSON.stringify(schema)}`)
  refuseUnknown(callback)
  const { url, form = {}, orderingKey, dedupeKey, supersedeKey, dueAt, expiresAt, maxAttempts, traceparent } = callback
  const keys = [orderingKey, dedupeKey, supersedeKey]
  const rest = [dueAt?.toISOString(), expiresAt?.toISOString(), maxAttempts, traceparent]
  const values = [url, formText(form), ...keys, ...rest].map(value => value ?? null)
  const { rows } = await client.query(
    `insert into ${schema}.callback (${Object.values(columns).join(', ')})
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning id, message_id as "messageId"`,
    values,
  )
  const [row] = rows as { id: unknown; messageId: string }[]
  return row ? { id: String(row.id), messageId: row.messageId } : null
}

/** A misspelt `orderingKey` would be no order. */
function refuseUnknown(callback: NewCallback): void {
  const unknown = Object.keys(callback).filter(name => !Object.hasOwn(columns, name))
  if (unknown.length === 0) return
  const got = unknown.map(name => JSON.stringify(name)).join(', ')
  throw new TypeError(`callback: expected only the properties ${Object.keys(columns).join(', ')}; got ${got}`)
}

/** JSON that keeps all digits of a bigint. */
function formText(form: Form): string {
  const fields = Object.entries(form).filter(([, value]) => value !== undefined && value !== null)
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${valueText(name, value as FieldValue)}`).join(',')}}`
}

function valueText(name: string, value: FieldValue | readonly FieldValue[]): string {
  if (Array.isArray(value)) return `[${value.map(each => valueText(name, each)).join(',')}]`
  if (typeof value === 'bigint') return String(value)
  const field = `form field ${JSON.stringify(name)}`
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    throw new TypeError(
      `${field}: expected a bigint for a whole number beyond ±(2^53 - 1), since it may have lost digits; got ${value}`,
    )
  const isFiniteValue = typeof value !== 'number' || Number.isFinite(value)
  const text = isFiniteValue ? JSON.stringify(value) : undefined
  if (text === undefined) throw new TypeError(`${field}: expected a JSON value; got ${String(value)}`)
  return text
}
