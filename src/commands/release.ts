import type { ReleaseConfig } from '../config/config.ts'
import { databaseOf } from '../outbox/database.ts'
import { holdsOf, releaseUrl } from '../outbox/hold.ts'
import { recordOperation } from '../outbox/operation.ts'
import { heldSql } from '../outbox/same-in-sql.ts'
import { printable } from '../printable.ts'
import { heldLine } from './held-line.ts'
import { inSession, inTransaction, timeoutMs } from './in-database.ts'

/** `ringback release`. Exits with 1 when the URL has no hold. */
export async function release(config: ReleaseConfig): Promise<number> {
  const { heldUrl, dryRun } = config
  const lifted = await inSession(config, 'release', { timeoutMs }, session =>
    inTransaction(session, async () => {
      if (dryRun) return holdsOf(session, heldUrl)
      const lifted = await releaseUrl(session, heldUrl)
      const condition = heldSql(heldUrl)
      await recordOperation(databaseOf(session), { act: 'release', condition, done: lifted.length })
      return lifted
    }),
  )
  const holds = lifted.length === 1 ? '1 hold' : `${lifted.length} holds`
  process.stdout.write(dryRun ? `would lift ${holds}\n` : `${holds} lifted\n`)
  process.stdout.write(lifted.map(each => `${heldLine(each)}\n`).join(''))
  if (lifted.length > 0) return 0
  process.stderr.write(`there is no hold of ${printable(heldUrl)}; \`ringback status\` lists all holds\n`)
  return 1
}
