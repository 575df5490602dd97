/** Parts that several statements share. Parts that name a table are functions of the schema. */

/** `c.id` equals `id`, in a form that only the index on id can serve; see `planning` in settings.ts. */
export const isRow = (id: string) => `c.id = any (array[${id}])`

/**
 * The ordering key as a text that can always be sent, only to be compared. In a database not in UTF-8, a key may hold
 * bytes that do not convert. There, each byte beyond ASCII is sent as `\nnn`. The subquery asks for the encoding once a
 * statement.
 */
export const sentKey = `case when (select getdatabaseencoding() = 'UTF8') then c.ordering_key::text
             else encode(convert_to(c.ordering_key, 'SQL_ASCII'), 'escape') end`

/** The key from the result of `sentKey`. */
export const keyOf = (sent: string) => `case when getdatabaseencoding() = 'UTF8' then ${sent}
             else convert_from(decode(${sent}, 'escape'), getdatabaseencoding()) end`

/** What `hold.origin` may be to match a callback `c`: its origin, or its scheme. */
const origins = `array[c.origin, split_part(c.origin, '/', 1)]`

/**
 * True for a callback `c` that no hold stops. Without any hold: one look for the whole statement. Without holds on its
 * origin: one index look-up. `offset 0` computes `rest` once. Why `= any (array[...])`: `planning` in settings.ts.
 */
export const isFree = (schema: string) => `(
           (select true from ${schema}.hold h order by h.id limit 1)
           and exists (select from ${schema}.hold h where h.origin = any (${origins}))
           and (select exists (select from ${schema}.hold h where not h.exact and h.origin = any (${origins}) and ${schema}.is_below(asked.rest, h.rest))
                    or exists (select from ${schema}.hold h where h.exact and h.origin = any (array[c.origin]) and h.rest = any (array[asked.rest]))
                  from (select ${schema}.rest_of(c.url) as rest offset 0) asked)
         ) is not true`

/** The due time of a callback `c` with a due_at, as in the index of due rows. */
export const dueTime = 'greatest(c.due_at, c.created_at)'

/** The due time as in `ShownRow`: microseconds of Unix time, null for a fresh row. */
export const dueUs = `case when c.due_at is not null then (extract(epoch from ${dueTime}) * 1000000)::float8 end`

/** The place of `c` in the index of unsettled rows by origin; null for a fresh row. */
export const rangePlace = `case when c.due_at is not null then ${dueTime} end`

/** The first column of that index. */
export const originHash = 'hashtextextended(c.origin, 0)'

/** What the server has worked for this statement so far, without the way there and back, in milliseconds. */
export const workMs = `(date_part('epoch', clock_timestamp() - statement_timestamp()) * 1000) as "workMs"`

/** Seconds since a time, by the database's clock. */
export const secondsSince = (time: string) => `extract(epoch from clock_timestamp() - ${time})::float8`

/** A time in microseconds of Unix time, perhaps infinite. */
export const timeOf = (us: string) =>
  `case when ${us} < '-1e300' then '-infinity'::timestamptz when ${us} > '1e300' then 'infinity' else timestamptz 'epoch' + ${us} * interval '1 microsecond' end`

/** True for a callback `c` that a newer one supersedes. Why it compares rows: see `planning` in settings.ts. */
export const isSuperseded = (schema: string) => `(c.supersede_key is not null and (
               select n.id from ${schema}.callback n
                where n.settled_at is null and n.supersede_key is not null
                  and (n.ordering_key, n.supersede_key, n.id) > (c.ordering_key, c.supersede_key, c.id)
                  and (n.ordering_key, n.supersede_key) <= (c.ordering_key, c.supersede_key)
                order by n.ordering_key, n.supersede_key, n.id limit 1) is not null)`

/**
 * Whether a callback `c` waits for its due time. Use it only where a row may wait: PostgreSQL prepares every subquery at each
 * call, which takes 10 µs, even one that never runs.
 */
export const waitsForDueTime = (schema: string) => `c.due_at > clock_timestamp() and not ${isSuperseded(schema)}`

/** Tells apart the URLs of an origin, for a callback `c`. Two URLs with the same 32 bits by chance count as one. */
export const urlHash = `hashtext(split_part(c.url, '?', 1))`

/**
 * The columns of a `ShownRow` for a callback `c`. A superseded row is due at once, to be cancelled.
 *
 * @param epoch that of the relay's own registration.
 * @param later whether the row waits for its due time, if it may: see `waitsForDueTime`.
 */
export const shown = (epoch: string, later = 'false') => `
             c.id, ${sentKey} as "orderingKey", c.origin, ${urlHash} as "urlHash",
             ${dueUs} as "dueUs",
             case when c.status = 'claimed' then case c.claimed_epoch when ${epoch} then 'claimed here' else 'claimed elsewhere' end
                  when ${later} then 'later' else 'due' end as standing,
             c.rev::float8 as rev, c.attempts - c.budget_from as tried, c.max_attempts as "maxAttempts"`

/**
 * The first unsettled row of a key: columns of a `ShownRow`, or no row. Why `>=`: `planning` in settings.ts.
 *
 * @param others excludes rows settled by the same statement, which still sees them.
 */
export const firstOfKey = (schema: string, epoch: string, key: string, others = 'true') => `
      select ${shown(epoch, waitsForDueTime(schema))}
        from ${schema}.callback c
       where c.settled_at is null and c.ordering_key is not null
         and (c.ordering_key, c.id) >= (${key}, 0) and c.ordering_key <= ${key} and ${others}
       order by c.ordering_key, c.id limit 1`

/**
 * True for a callback `c` with no earlier unsettled row of its key. It looks back from the row: what waits mostly has such a
 * row right before it, while the key may begin with thousands of dead entries. Why it compares rows: see `planning` in
 * settings.ts.
 */
export const isFirst = (schema: string) => `(c.ordering_key is null or (
               select e.id from ${schema}.callback e
                where e.settled_at is null and e.ordering_key is not null
                  and e.ordering_key >= c.ordering_key and (e.ordering_key, e.id) < (c.ordering_key, c.id)
                order by e.ordering_key desc, e.id desc limit 1) is null)`

/**
 * The fence: this relay's registration. Its deletion waits for this statement, and later ones find no row. SKIP LOCKED:
 * no wait, so no old snapshot. Usage: `exists (select from me)`.
 */
export const me = (schema: string, epoch: string) => `
    me as materialized (
      select from ${schema}.relay r
       where r.epoch = any (array[${epoch}]) and r.server = pg_postmaster_start_time()
         for key share of r skip locked
    )`

/**
 * The text of an array whose elements need no quotes: numbers, ids, uuids. pg's own conversion escapes each element,
 * which costs the relay a microsecond a callback.
 */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map(value => value ?? 'null').join()}}`
}
