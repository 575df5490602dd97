import { setTimeout as sleep } from 'node:timers/promises'
import { nowUs } from './clock.ts'
import type { Database } from './server.ts'

/** Waits until so many relays share the origins, and what they had before is handed over. */
export async function serving({ client }: Database, relays: number): Promise<void> {
  for (const end = nowUs() + 60e6; nowUs() < end; await sleep(50)) {
    const { rows } = await client.query('select from outbox.pulse where serving and renewals > 5')
    if (rows.length === relays) return
  }
  throw new Error(`${relays} relays do not serve after 60 s`)
}
