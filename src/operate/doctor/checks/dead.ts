import { check, rowOf, warning } from '../check.ts'

export const dead = check<{ readonly count: number }>({
  name: 'dead',
  read: session =>
    rowOf(
      session,
      'ringback_dead',
      schema => `select count(*)::float8 as count from ${schema}.callback where dead_at is not null`,
    ),
  judge: ({ count }) =>
    count === 0
      ? null
      : warning(
          count === 1 ? '1 callback is dead' : `${count} callbacks are dead`,
          'given up: only a replay sends them again',
          'the SQL of `ringback sql why_is_it_dead` says why, `ringback replay --dead --all` sends all again, with `--url PREFIX` in place of `--all` those of one receiver',
        ),
})
