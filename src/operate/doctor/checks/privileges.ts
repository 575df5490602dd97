import { wrongPrivileges } from '../../../outbox/privileges.ts'
import { check, fault, list } from '../check.ts'

/** A sentence for each wrong privilege. A restore without the roles loses grants. */
export const privileges = check<readonly string[]>({
  name: 'privileges',
  read: wrongPrivileges,
  judge: wrong =>
    wrong.length === 0
      ? null
      : fault(
          `roles and rights are not as the schema has them: ${list(wrong)}`,
          'producers, relays or operators are refused, or may do more than they should',
          '`ringback migrate` restores them',
        ),
})
