import type { ShownRow } from '../model.ts'
import type { Session, Statement } from './session.ts'
import { firstOfKey, keyOf, sentKey } from './sql.ts'

/** Asks for the first unsettled row of a key, or of the key of the row `hint`. Exactly one of the two is null. */
export interface KeyQuestion {
  readonly key: string | null
  readonly hint: string | null
}

export interface KeyAnswer {
  /** null: the named row has no key, or does not exist. */
  readonly key: string | null
  /** The first unsettled row of the key, in any state; null: there is none. */
  readonly first: ShownRow | null
}

interface AnswerRow {
  readonly askedKey: string | null
  readonly id: string | null
}

const keyHeadsStatement: Statement = {
  name: 'ringback_key_heads',
  text: schema => `
    select asked.sent as "askedKey", first.*
      from unnest($1::text[], $2::bigint[]) with ordinality as q (sent, hint, n)
     cross join lateral (
       select ${keyOf('q.sent')} as key, q.sent where q.hint is null
       union all
       select (select c.ordering_key::text from ${schema}.callback c where c.id = any (array[q.hint])),
              (select ${sentKey} from ${schema}.callback c where c.id = any (array[q.hint])) where q.hint is not null) asked
      left join lateral (${firstOfKey(schema, '$3::bigint', 'asked.key')}) first on true
     order by q.n`,
}

/** One answer for each question, in the same order. */
export async function readKeyHeads(
  session: Session,
  epoch: string,
  questions: readonly KeyQuestion[],
): Promise<KeyAnswer[]> {
  const values = [questions.map(({ key }) => key), questions.map(({ hint }) => hint), epoch]
  const rows = await session.rows<AnswerRow & ShownRow>(keyHeadsStatement, values)
  return rows.map(({ askedKey, ...first }) => ({ key: askedKey, first: first.id === null ? null : first }))
}

const hintStatement: Statement = {
  name: 'ringback_hint',
  text: schema => `select ${schema}.notify(payload) from unnest($1::text[]) as p (payload)`,
}

/** Tells the other relays. A payload is the id of a row that is now first of its key, or `sweep`. */
export async function sendHints(session: Session, payloads: readonly string[]): Promise<void> {
  await session.rows(hintStatement, [payloads])
}
