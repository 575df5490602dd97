import type { HoldConfig } from '../config/config.ts'
import { databaseOf } from '../outbox/database.ts'
import { holdUrl } from '../outbox/hold.ts'
import { recordOperation } from '../outbox/operation.ts'
import { heldSql } from '../outbox/same-in-sql.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/**
 * `ringback hold`: adds a row to the table of holds, even if the URL has one already, since each has its own reason.
 */
export async function hold(config: HoldConfig): Promise<number> {
  const { heldUrl, reason, exact, dryRun } = config
  await inSession(config, 'hold', { timeoutMs }, session =>
    inTransaction(session, async () => {
      if (dryRun) return
      await holdUrl(session, heldUrl, reason ?? '', exact)
      await recordOperation(databaseOf(session), { act: 'hold', condition: heldSql(heldUrl), done: 1 })
    }),
  )
  const what = `${heldUrl}${exact ? ' alone' : ''}`
  process.stdout.write(`1 hold: callbacks to ${what} ${dryRun ? 'would wait' : 'wait from now on'}\n`)
  return 0
}
