import { check, list, spell, warning } from '../check.ts'

/** Prepared transactions of this database, the oldest first. */
type Prepared = readonly { readonly gid: string; readonly owner: string; readonly seconds: number }[]

/** Seconds between PREPARE and COMMIT. */
const patience = 60

export const preparedTransactions = check<Prepared>({
  name: 'prepared-transactions',
  read: session =>
    session.rows({
      name: 'ringback_prepared',
      text: `
        select gid, owner, extract(epoch from clock_timestamp() - prepared)::float8 as seconds
          from pg_prepared_xacts where database = current_database() order by prepared limit 20`,
    }),
  judge(prepared) {
    const old = prepared.filter(each => each.seconds > patience)
    if (old.length === 0) return null
    const named = list(old.map(each => `'${each.gid}' of ${each.owner} for ${spell(each.seconds)}`))
    return warning(
      `transactions are prepared and not ended: ${named}`,
      'callbacks written there are not visible, dead rows stay, and a share of the wake lock may keep relays from sleeping',
      'COMMIT PREPARED or ROLLBACK PREPARED, as their transaction manager decided',
    )
  },
})
