import { check, rowOf, warning } from '../check.ts'

export const twoPhase = check<{ readonly allowed: string }>({
  name: 'two-phase',
  read: session =>
    rowOf(session, 'ringback_two_phase', `select current_setting('max_prepared_transactions') as allowed`),
  judge: ({ allowed }) =>
    allowed === '0'
      ? null
      : warning(
          `max_prepared_transactions is ${allowed}`,
          'a transaction that is prepared and forgotten hides its callbacks, and keeps dead rows, until somebody ends it',
          'set it to 0 unless producers use PREPARE TRANSACTION; if they do, `ringback migrate --wake poll`, and watch pg_prepared_xacts',
        ),
})
