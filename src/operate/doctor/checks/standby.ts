import { check, fault, rowOf } from '../check.ts'

export const standby = check<{ readonly isStandby: boolean }>({
  name: 'standby',
  read: session => rowOf(session, 'ringback_standby', 'select pg_is_in_recovery() as "isStandby"'),
  judge: ({ isStandby }) =>
    isStandby
      ? fault(
          'the database is a standby (in recovery)',
          'nothing can be claimed or recorded here',
          'point DATABASE_URL at the primary, or promote this one',
        )
      : null,
})
