import { check, spell, warning } from '../check.ts'
import { readOverdueSeconds } from '../overdue-seconds.ts'

/** Seconds. */
const patience = 900

export const overdue = check<number | null>({
  name: 'overdue',
  read: readOverdueSeconds,
  judge: seconds =>
    seconds === null || seconds <= patience
      ? null
      : warning(
          `a callback has been due for ${spell(seconds)}`,
          'relays do not keep up, or its key or receiver cannot go on',
          '`ringback status`; `ringback sql stuck_keys` and `ringback sql what_is_waiting` print the SQL that says which',
        ),
})
