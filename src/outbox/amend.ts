import type { Session, Statement } from './session.ts'

/** What a viewer has seen of the callback `c`: another state, URL or form has another. */
export const seenSql = `hashtextextended(concat_ws(' ', c.status, c.url, c.form::text) collate "C", 0)::text`

/** What is sent from now on. */
export interface Amendment {
  readonly url: string
  /** As JSON; its fields are sent in this order, with these digits. */
  readonly form: string
  /** As `seenSql` had it when this was asked for. */
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
 * One that waits goes on waiting; one that is settled goes out again.
 *
 * @returns its id; nothing where it is being sent, or was changed since it was seen.
 */
export async function amend(session: Session, id: string, { url, form, seen }: Amendment): Promise<string[]> {
  return (await session.rows<{ id: string }>(amendStatement, [id, url, form, seen])).map(row => row.id)
}
