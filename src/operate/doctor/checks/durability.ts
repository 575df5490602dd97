import { check, rowOf, warning } from '../check.ts'

interface Settings {
  readonly fsync: string
  readonly full_page_writes: string
}

/**
 * synchronous_commit is not checked. The relay raises its own. A claim on disk has the producer's commit before it in
 * the WAL, so nothing is sent for a transaction that a crash undoes.
 */
export const durability = check<Settings>({
  name: 'durability',
  read: session =>
    rowOf(
      session,
      'ringback_durability',
      `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes`,
    ),
  judge(settings) {
    const off = (['fsync', 'full_page_writes'] as const).filter(name => settings[name] === 'off')
    if (off.length === 0) return null
    return warning(
      `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off`,
      'a crash of the machine can lose or damage callbacks that had committed',
      'turn it on, except on a database that you can throw away',
    )
  },
})
