import type { HoldConfig } from '../config/config.ts'
import { databaseOf } from '../outbox/database.ts'
import { holdsOf, holdUrl } from '../outbox/hold.ts'
import { recordOperation } from '../outbox/operation.ts'
import { heldSql } from '../outbox/same-in-sql.ts'
import { heldLine } from './held-line.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/**
 * `ringback hold`: adds a row to the table of holds, even if the URL has one for another reason. An equal hold is not
 * added again.
 */
export async function hold(config: HoldConfig): Promise<number> {
  const { heldUrl, reason, exact, dryRun } = config
  const { before, isHeld } = await inSession(config, 'hold', { timeoutMs }, session =>
    inTransaction(session, async () => {
      const before = await holdsOf(session, heldUrl)
      const isHeld = before.some(each => each.exact === exact && each.reason === reason)
      if (!dryRun && !isHeld) {
        await holdUrl(session, heldUrl, reason ?? '', exact)
        await recordOperation(databaseOf(session), { act: 'hold', condition: heldSql(heldUrl), done: 1 })
      }
      return { before, isHeld }
    }),
  )
  const wait = isHeld ? 'wait already' : dryRun ? 'would wait' : 'wait from now on'
  process.stdout.write(`${isHeld ? '0 holds' : '1 hold'}: callbacks to ${heldUrl}${exact ? ' alone' : ''} ${wait}\n`)
  process.stdout.write(before.map(each => `there is already ${heldLine(each)}\n`).join(''))
  return 0
}
