import type { OptionKey, Values } from '../options.ts'

export interface Invariant {
  readonly of: readonly OptionKey[]
  readonly broken: (values: Values) => boolean
  /** What must hold, and what would go wrong otherwise. */
  readonly rule: string
}

/** Rules between options. Each protects something that a single value cannot. */
export const invariants: readonly Invariant[] = [
  {
    of: ['leaseMs', 'deadlineMs', 'leaseMarginMs'],
    broken: v => v.leaseMs <= v.deadlineMs + v.leaseMarginMs,
    rule: '--lease must be longer than --deadline plus --lease-margin, or another relay could take the lane and send again while an attempt is still running',
  },
  {
    of: ['connectTimeoutMs', 'deadlineMs'],
    broken: v => v.connectTimeoutMs > v.deadlineMs,
    rule: '--connect-timeout must be at most --deadline, which covers the whole attempt, or it would never take effect',
  },
  {
    of: ['originConcurrency', 'concurrency'],
    broken: v => v.originConcurrency > v.concurrency,
    rule: '--origin-concurrency must be at most --concurrency, or one receiver could take every slot and still not reach its cap',
  },
  {
    of: ['retryBaseMs', 'retryCapMs'],
    broken: v => v.retryBaseMs > v.retryCapMs,
    rule: '--retry-base must be at most --retry-cap, since waits grow from the one to the other',
  },
  {
    of: ['databaseUrl', 'databaseUrlFile'],
    broken: v => v.databaseUrl !== null && v.databaseUrlFile !== null,
    rule: 'only one of --database-url and --database-url-file may be given, or the relay could work on another database than you think',
  },
  {
    of: ['ids', 'dead'],
    broken: v => v.ids.length > 0 === v.dead,
    rule: 'exactly one of --id and --dead must be given, so that nothing is sent again by accident',
  },
  {
    of: ['url', 'dead'],
    broken: v => v.url !== null && !v.dead,
    rule: '--url narrows --dead and needs it',
  },
  {
    of: ['since', 'dead'],
    broken: v => v.since !== null && !v.dead,
    rule: '--since narrows --dead and needs it',
  },
]
