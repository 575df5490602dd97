import type { Option } from './kinds.ts'

const file = (what: string) => ({
  type: 'text' as const,
  value: 'FILE',
  commands: ['verify'] as const,
  default: null,
  accepts: (text: string) => text !== '',
  expected: `the path of ${what}`,
})

/** Which books are held against one another. */
export const verifyingOptions = {
  callbacksFile: {
    name: 'callbacks',
    ...file('a CSV file with the columns of outbox.callback'),
    otherwise: 'none; required',
    help: 'The callbacks, as psql writes them with \\copy (select * from outbox.callback) to callbacks.csv csv header.',
  },
  attemptsFile: {
    name: 'attempts',
    ...file('a CSV file with the columns of outbox.attempt'),
    otherwise: 'none; required',
    help: 'Their attempts: \\copy (select * from outbox.attempt) to attempts.csv csv header. Write both in one transaction of isolation level repeatable read, or what happens in between looks like a fault.',
  },
  arrivalsFile: {
    name: 'arrivals',
    ...file('a file of JSON lines, one a request'),
    otherwise: 'none; required',
    help: 'What the receiver saw: {"messageId": webhook-id, "attempt": webhook-attempt, "at": milliseconds or ISO 8601, "answered": status or null, "body": the form as it came} a line. Without answered or body, these are not judged.',
  },
  writtenFile: {
    name: 'written',
    ...file('a file of JSON lines, one a callback'),
    otherwise: 'the table stands for it',
    help: 'What the producers committed: {"messageId", "key", "insertingAt", "committedAt"} a line; times in milliseconds by one clock, before the INSERT and after the COMMIT; null for a rollback, "unknown" for a commit without an answer. Only with it can a loss or the order of rows that were never sent be judged.',
  },
  drained: {
    type: 'flag',
    name: 'drained',
    commands: ['verify'],
    default: false,
    help: 'All was at rest when the books were closed: what is not settled counts as lost.',
  },
  partial: {
    type: 'flag',
    name: 'partial',
    commands: ['verify'],
    default: false,
    help: 'The arrivals are not all there, such as those of one receiver of several: a delivery without an arrival is no fault then.',
  },
} as const satisfies Record<string, Option>
