import type { Session } from '../../../outbox/session.ts'
import { check, fault, warning } from '../check.ts'

/** Process ids of the server's side: the one named at the connection, if any, and those that answered one after another. */
export interface Answers {
  readonly announced: number | undefined
  readonly answering: readonly number[]
}

/** Each statement outside a transaction is one of its own, for which a pooler may choose a session anew. */
export async function readAnswers(session: Session): Promise<Answers> {
  const answering: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const rows = await session.rows<{ pid: number }>({ name: 'ringback_pid', text: 'select pg_backend_pid() as pid' })
    answering.push(...rows.map(({ pid }) => pid))
  }
  return { announced: session.announcedPid, answering }
}

/** @param answers read before the transaction of the other checks began. */
export const pooler = (answers: Answers) =>
  check<Answers>({
    name: 'pooler',
    read: async () => answers,
    judge({ announced, answering }) {
      const count = new Set(answering).size
      if (count > 1) {
        return fault(
          `a pooler stands in between and changes the session between transactions (${count} in ${answering.length})`,
          "the relay's name, its lease's lock and LISTEN belong to a session and are lost",
          'give the relay a URL that leads to PostgreSQL directly; producers may keep the pooler',
        )
      }
      if (announced === undefined || answering.every(pid => pid === announced)) return null
      return warning(
        `a pooler seems to stand in between: process ${answering[0]} answers, ${announced} was announced`,
        'whether it keeps one session for one client cannot be told from here; if not, locks and LISTEN of the relay are lost',
        'give the relay a URL that leads to PostgreSQL directly, or make sure that the pooler pools sessions',
      )
    },
  })
