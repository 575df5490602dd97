import type { PlanName } from './plans.ts'

/** Schedules that found a fault, each with what it was. */
export const regressions: readonly (readonly [plan: PlanName, why: string, schedule: string])[] = [
  [
    'roomy',
    'what a read showed of a row under way was not looked at when the row went to rest',
    'insert k b now | sweep 0 | insert - a now | insert - a later | tick | commit 3 | reply 0 0 | tip 0 due | reply 0 0 | hold a | claim 0 | amend 3 b | tip 0 due | lock 3 | reply 0 0 | look 0 | reply 0 0 | reply 0 0',
  ],
  [
    'roomy',
    'a pull whose reply was lost stayed out until the next tip',
    'insert k a later | commit 1 | tick | sweep 0 | reply 0 0 | tip 0 due | reply 0 0 | pull 0 | lose 0 0',
  ],
  [
    'narrow',
    'the reply of an expiry took a row away that had been replayed and claimed since',
    'sweep 0 | reply 0 0 | insert l b now | insert k a now | commit 2 | tip 0 fresh | reply 0 0 | expire 0 2 | claim 0 | reply 0 1 | replay 2 | look 0 | reply 0 1 | claim 0 | reply 0 1 | reply 0 0',
  ],
  [
    'roomy',
    'a row that expired while the one before it was recorded was named by both, and the row behind it by none',
    'sweep 0 | insert k b now | insert k b later | commit 2 | reply 0 0 | insert - b now | commit 1 | insert - a later | insert k b later | commit 5 | tip 0 fresh | reply 0 0 | tick | claim 0 | reply 0 0 | tip 0 due | post 0 1 dead | reply 0 0 | record 0 | expire 0 2 | reply 0 0 | reply 0 1 | reply 0 0',
  ],
  [
    'narrow',
    'a cancelled row that a tip still showed kept the next of its key out, since its key was asked and had none',
    'sweep 0 | reply 0 0 | insert - b later | hold b | insert l a later | commit 2 | tick | tip 0 due | unhold b | cancel 2 | reply 0 0 | insert l a now | hint 1 | ask 0 | reply 0 0 | commit 3 | tip 0 fresh | reply 0 0',
  ],
  [
    'pair',
    'a row whose turn had not come left memory before a probe, settled by then, and the row behind it was forgotten',
    'insert l b later | insert k b later | tick | sweep 1 | reply 1 0 | open 1 b | commit 1 | tip 1 due | reply 1 0 | insert l b now | expire 0 1 | commit 3 | tip 1 fresh | reply 1 0 | close 1 b',
  ],
  [
    'apart',
    'two rows of a key were claimed, since the first had committed late; one statement recovered both, each named the other, and none the row behind them',
    'insert - a later | insert - a later | hold b | insert k b now 1 | insert - a now | unhold b | insert k a now | commit 5 | hint 0 | calm 0 | lose 0 0 | commit 3 | insert k b now | pull 0 | commit 6 | reply 0 0 | claim 0 | restart 0 | sweep 0 | reply 0 0 | pull 0 | walk 0 | reply 0 0 | tip 0 fresh | reply 0 0 | pull 0 | reply 0 0 | recover 0 1 dead | reply 0 0',
  ],
]
