import { claim } from '../outbox/claim.ts'
import { claimFresh } from '../outbox/claim-fresh.ts'
import { isRefusal } from '../outbox/database-errors.ts'
import { readKeyHeads } from '../outbox/key-heads.ts'
import { look } from '../outbox/look.ts'
import { pull } from '../outbox/pull.ts'
import { record } from '../outbox/record.ts'
import type { Sessions } from '../outbox/sessions.ts'
import { readFresh } from '../outbox/tip.ts'

/** An epoch without a registration: nothing can be claimed under it. */
const nobody = '0'

/**
 * Sends each statement that callbacks wait for once, without rows: in a new session the first one takes tens of
 * milliseconds longer.
 *
 * @param deletes as in `record`.
 */
export async function warmUp(
  { claim: claims, record: records, read }: Pick<Sessions, 'claim' | 'record' | 'read'>,
  deletes: boolean,
): Promise<void> {
  const writer = { relay: '', epoch: nobody }
  await Promise.all([
    unlessRefused(async () => {
      await claim(claims, nobody, [])
      await look(claims, nobody, [])
    }),
    unlessRefused(() => record(records, [], writer, performance.now(), deletes)),
    unlessRefused(async () => {
      await readFresh(read, nobody, [], 0)
      await claimFresh(read, nobody, [], 0, { most: 0, except: [], several: [] })
      await pull(read, nobody, [])
      await readKeyHeads(read, nobody, [])
    }),
  ])
}

/** Ignores a refusal: the real statement reports it. */
async function unlessRefused(send: () => Promise<unknown>): Promise<void> {
  try {
    await send()
  } catch (error) {
    if (!isRefusal(error)) throw error
  }
}
