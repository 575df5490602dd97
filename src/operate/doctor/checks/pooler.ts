import type { Session } from '../../../outbox/session.ts'
import { check, fault, warning } from '../check.ts'

/**
 * Process ids of the server: the one that was announced when we connected, if any, and those that answered statements.
 */
export interface Answers {
  readonly announced: number | undefined
  readonly answering: readonly number[]
}

/** Runs statements outside a transaction: for each of them a pooler may choose another session. */
export async function readAnswers(session: Session): Promise<Answers> {
  const answering: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const rows = await session.rows<{ pid: number }>({ name: 'ringback_pid', text: 'select pg_backend_pid() as pid' })
    answering.push(...rows.map(({ pid }) => pid))
  }
  return { announced: session.announcedPid, answering }
}

/** @param answers read before the transaction of the other checks. */
export const pooler = (answers: Answers) =>
  check<Answers>({
    name: 'pooler',
    read: async () => answers,
    judge({ announced, answering }) {
      const count = new Set(answering).size
      if (count > 1) {
        return fault(
          `a pooler changes the session between transactions (${count} sessions for ${answering.length} statements)`,
          "the relay's name, its lease's lock and LISTEN belong to a session and are lost",
          'give the relay a URL that leads to PostgreSQL directly; producers may keep the pooler',
        )
      }
      if (announced === undefined || answering.every(pid => pid === announced)) return null
      return warning(
        `there seems to be a pooler: process ${answering[0]} answers, ${announced} was announced`,
        'the doctor cannot tell whether it keeps one session for one client; if not, locks and LISTEN of the relay are lost',
        'give the relay a URL that leads to PostgreSQL directly, or make sure that the pooler pools sessions',
      )
    },
  })
