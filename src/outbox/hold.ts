import type { Session, Statement } from './session.ts'

/** A row of `hold`. */
export interface UrlHold {
  readonly urlPrefix: string
  readonly exact: boolean
  readonly heldBy: string
  readonly heldAt: Date
  readonly reason: string
}

const columns = `url_prefix as "urlPrefix", exact, held_by as "heldBy", held_at as "heldAt", reason`

const holdStatement: Statement = {
  name: 'ringback_hold',
  text: schema => `insert into ${schema}.hold (url_prefix, reason, exact) values ($1, $2, $3)`,
}

/** Compares URLs, not their spelling. */
const whereHeld = (schema: string) => `origin = ${schema}.origin_of($1) and rest = ${schema}.rest_of($1)`

const heldStatement: Statement = {
  name: 'ringback_held',
  text: schema => `select ${columns} from ${schema}.hold where ${whereHeld(schema)} order by id`,
}

const releaseStatement: Statement = {
  name: 'ringback_lift',
  text: schema => `delete from ${schema}.hold where ${whereHeld(schema)} returning ${columns}`,
}

const releaseOneStatement: Statement = {
  name: 'ringback_lift_one',
  text: schema => `delete from ${schema}.hold where id = $1 returning ${columns}`,
}

/** From the commit on, callbacks to this URL wait, and those to URLs below it. `exact`: not those below it. */
export async function holdUrl(session: Session, url: string, reason: string, exact: boolean): Promise<void> {
  await session.rows(holdStatement, [url, reason, exact])
}

/** The holds of exactly this URL, in any spelling. Holds of URLs above or below it are not returned. */
export function holdsOf(session: Session, url: string): Promise<UrlHold[]> {
  return session.rows<UrlHold>(heldStatement, [url])
}

/** @returns the lifted holds: those that `holdsOf` returns. */
export function releaseUrl(session: Session, url: string): Promise<UrlHold[]> {
  return session.rows<UrlHold>(releaseStatement, [url])
}

/** Lifts one hold. undefined: it did not exist any more. */
export async function releaseHold(session: Session, id: string): Promise<UrlHold | undefined> {
  const [lifted] = await session.rows<UrlHold>(releaseOneStatement, [id])
  return lifted
}
