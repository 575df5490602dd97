import { type FailingReceiver, hasOnlyFailed, mostWaiting, nameOf, readFailing } from '../../../outbox/failing.ts'
import { check, fault, list, spell } from '../check.ts'

export const failingReceivers = check<readonly FailingReceiver[]>({
  name: 'failing-receivers',
  read: readFailing,
  judge(receivers) {
    const failing = receivers.filter(hasOnlyFailed)
    if (failing.length === 0) return null
    const named = failing.map(
      ({ failingSeconds, reason, waiting, ...receiver }) =>
        `${nameOf(receiver)} for ${spell(failingSeconds)} (${reason}; ${waiting < mostWaiting ? waiting : `${mostWaiting} or more`} ${waiting === 1 ? 'waits' : 'wait'})`,
    )
    return fault(
      `receivers have only failed: ${list(named)}`,
      'their callbacks wait, are tried again, and die after --max-attempts',
      'ask who runs them; `ringback hold URL --reason WHY` saves the attempts meanwhile, and `ringback replay --now --url URL` ends the waits when they are well',
    )
  },
})
