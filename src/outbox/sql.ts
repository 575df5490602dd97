/** Parts that several statements share. Those that name a table are functions of the schema. */

/** `c.id` equals `id`, in the form that only the index on id can serve; see `planning` in settings.ts. */
export const isRow = (id: string) => `c.id = any (array[${id}])`

/**
 * The ordering key as a text that can always be sent. In a database that is not in UTF-8 a key may hold bytes that do not
 * convert; there every byte beyond ASCII is sent as `\\nnn`. Nobody reads more from it than whether two keys are the same.
 */
export const sentKey = `case when getdatabaseencoding() = 'UTF8' then c.ordering_key::text
             else encode(convert_to(c.ordering_key, 'SQL_ASCII'), 'escape') end`

/** The key again that `sentKey` gave. */
export const keyOf = (sent: string) => `case when getdatabaseencoding() = 'UTF8' then ${sent}
             else convert_from(decode(${sent}, 'escape'), getdatabaseencoding()) end`

/** Of a callback `c`, and of a hold on everything of its scheme. */
const origins = `array[c.origin, split_part(c.origin, '/', 1)]`

/**
 * True for a callback `c` that no hold stops. An origin without holds pays one look into an index; with `offset 0` another's
 * `rest` is worked out once. Why `= any (array[...])`: see `planning` in settings.ts.
 */
export const isFree = (schema: string) => `(
           exists (select from ${schema}.hold h where h.origin = any (${origins}))
           and (select exists (select from ${schema}.hold h where not h.exact and h.origin = any (${origins}) and ${schema}.is_below(asked.rest, h.rest))
                    or exists (select from ${schema}.hold h where h.exact and h.origin = any (array[c.origin]) and h.rest = any (array[asked.rest]))
                  from (select ${schema}.rest_of(c.url) as rest offset 0) asked)
         ) is not true`
