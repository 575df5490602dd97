import { check, rowOf, warning } from '../check.ts'

interface Settings {
  readonly autovacuum: string
  readonly track_counts: string
}

export const autovacuum = check<Settings>({
  name: 'autovacuum',
  read: session =>
    rowOf(
      session,
      'ringback_autovacuum',
      `select current_setting('autovacuum') as autovacuum, current_setting('track_counts') as track_counts`,
    ),
  judge(settings) {
    const off = (['autovacuum', 'track_counts'] as const).filter(name => settings[name] === 'off')
    if (off.length === 0) return null
    return warning(
      `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} off on this server`,
      'dead rows are never removed, so fetching gets slower and tables grow',
      'turn it on in postgresql.conf',
    )
  },
})
