import type { Session, Statement } from './session.ts'

/** A hash of what a viewer saw of the callback `c`: its status, URL and form. */
export const seenSql = `hashtextextended(concat_ws(' ', c.status, c.url, c.form::text) collate "C", 0)::text`

/** The new content of a callback. */
export interface Amendment {
  readonly url: string
  /** As JSON. Its fields are sent in this order, with these digits. */
  readonly form: string
  /** `seenSql` when the form was shown to the operator. */
  readonly seen: string
}

const amendStatement: Statement = {
  name: 'ringback_amend',
  text: schema => `
    update ${schema}.callback c set url = $2, form = $3, status = 'pending'
     where c.id = $1 and c.status <> 'claimed' and ${seenSql} = $4
    returning c.id`,
}

/**
 * Changes a callback. A pending one stays pending; a settled one is sent again.
 *
 * @returns its id; empty if it is being sent, or was changed since it was seen.
 */
export async function amend(session: Session, id: string, { url, form, seen }: Amendment): Promise<string[]> {
  return (await session.rows<{ id: string }>(amendStatement, [id, url, form, seen])).map(row => row.id)
}
