import type { Contestant } from './contestants/contestant.ts'
import { insert, migrate } from './contestants/ringback.ts'

const asDelivered = {
  status: `'delivered'`,
  attempts: '1',
  last_started_at: 'now()',
  last_finished_at: 'now()',
  last_epoch: '1',
  last_outcome: `'delivered'`,
  last_relay: `'old'`,
}

/**
 * Ringback, where so many have been delivered before, each with its attempt, so many days ago. They fill their pages: rows that
 * are inserted as delivered leave room for one shorter pending row in each, and every new row would then pay a page image.
 */
export function withHistory(contestant: Contestant, rows: number, days: number): Contestant {
  return {
    ...contestant,
    async load(database, load) {
      const { client } = database
      await migrate(database)
      const defaults = (of: Readonly<Record<string, string>>) =>
        client.query(
          `alter table outbox.callback ${Object.entries(of).map(([column, value]) => `alter column ${column} set default ${value}`)}`,
        )
      await client.query('alter table outbox.callback set (fillfactor = 100)')
      await defaults({ ...asDelivered, settled_at: `now() - interval '${days} days'` })
      await insert(database, { ...load, rows })
      await defaults({ ...noneOf(asDelivered), settled_at: 'null', status: `'pending'`, attempts: '0' })
      await client.query('alter table outbox.callback set (fillfactor = 50)')
      await insert(database, load)
    },
  }
}

function noneOf(columns: object): Record<string, string> {
  return Object.fromEntries(Object.keys(columns).map(column => [column, 'null']))
}
