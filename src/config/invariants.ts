import type { Given } from './arguments.ts'
import { defaultText, flagOf, type Option, type OptionKey, options, type Values } from './options.ts'
import { quote } from './wording.ts'

/** Rules between options. Each prevents a problem that no single value causes. */
const invariants: readonly {
  readonly of: readonly OptionKey[]
  readonly holds: (values: Values) => boolean
  /** What must hold, and what would otherwise go wrong. */
  readonly rule: string
}[] = [
  {
    of: ['leaseMs', 'deadlineMs', 'leaseMarginMs'],
    holds: v => v.leaseMs > v.deadlineMs + v.leaseMarginMs,
    rule: '--lease must be longer than --deadline plus --lease-margin, or another relay could send again while an attempt is still running',
  },
  {
    of: ['connectTimeoutMs', 'deadlineMs'],
    holds: v => v.connectTimeoutMs <= v.deadlineMs,
    rule: '--connect-timeout must be at most --deadline, which covers the whole attempt, or it would never take effect',
  },
  {
    of: ['originConcurrency', 'concurrency'],
    holds: v => (v.originConcurrency ?? 0) <= v.concurrency,
    rule: '--origin-concurrency must be at most --concurrency, or one receiver could take every slot and still not reach its cap',
  },
  {
    of: ['retryBaseMs', 'retryCapMs'],
    holds: v => v.retryBaseMs <= v.retryCapMs,
    rule: '--retry-base must be at most --retry-cap, since waits grow from --retry-base to --retry-cap',
  },
  {
    of: ['databaseUrl', 'databaseUrlFile'],
    holds: v => v.databaseUrl === null || v.databaseUrlFile === null,
    rule: 'only one of --database-url and --database-url-file may be given, or the relay could use another database than you expect',
  },
  {
    of: ['print', 'dryRun'],
    holds: v => !(v.print && v.dryRun),
    rule: '--print prints all SQL, and --dry-run asks the database which migrations are missing; give only one of them',
  },
  {
    of: ['ids', 'dead', 'now'],
    holds: v => v.now || v.ids.length > 0 !== v.dead,
    rule: 'give one of --id, --dead and --now, so that nothing is sent again by accident; --now goes with --id or --url',
  },
  {
    of: ['now', 'ids', 'url', 'dead'],
    holds: v => !v.now || (!v.dead && v.ids.length > 0 !== (v.url !== null)),
    rule: '--now needs either --id or --url, and not --dead: dead callbacks do not wait; replay them by --dead or --id without --now',
  },
  {
    of: ['dead', 'url', 'since', 'all', 'ids', 'now'],
    // With --id or --now, --dead is itself the fault.
    holds: v => !v.dead || v.url !== null || v.since !== null || v.all || v.ids.length > 0 || v.now,
    rule: '--dead needs --url, --since or both, or --all for every dead callback',
  },
  {
    of: ['all', 'dead', 'url', 'since'],
    holds: v => !v.all || (v.dead && v.url === null && v.since === null),
    rule: '--all stands for every dead callback: it needs --dead, and excludes --url and --since',
  },
  {
    of: ['cancelIds', 'cancelUrl', 'key'],
    holds: v => [v.cancelIds.length > 0, v.cancelUrl !== null, v.key !== null].filter(Boolean).length === 1,
    rule: 'exactly one of --id, --url and --key must be given, so that nothing is cancelled by accident',
  },
  {
    of: ['reason'],
    holds: v => v.reason !== null,
    rule: '--reason must be given, for people who find the hold',
  },
  {
    of: ['heldUrl', 'exact'],
    holds: v => v.exact || !/^https?:\/\/[^/?]*\*|\*$/i.test(v.heldUrl),
    rule: 'a hold has no wildcards: without the *, it holds the URL and those that continue it with / or ?; with --exact, a * is a part of the URL',
  },
  {
    of: ['purgeId', 'deliveredBefore', 'deadBefore'],
    holds: v => v.purgeId === null || (v.deliveredBefore === null && v.deadBefore === null),
    rule: '--id deletes one callback, --delivered-before and --dead-before delete many; do not give them together',
  },
  {
    of: ['url', 'dead', 'now'],
    holds: v => v.url === null || v.dead || v.now,
    rule: '--url narrows --dead or --now and needs one of them',
  },
  { of: ['since', 'dead'], holds: v => v.since === null || v.dead, rule: '--since narrows --dead and needs it' },
]

/** Checks each rule whose values could all be read. */
export function holdInvariants(values: Partial<Values>, given: ReadonlyMap<OptionKey, Given>, faults: string[]): void {
  for (const { of, holds, rule } of invariants)
    if (of.every(key => key in values) && !holds(values as Values))
      faults.push(`${of.map(key => described(key, given.get(key))).join(', ')}: ${rule}`)
}

/** Such as `--lease "15s" (environment variable RINGBACK_LEASE)`. */
function described(key: OptionKey, given: Given | undefined): string {
  const option: Option = options[key]
  const value = given ? (option.show ?? quote)(given.text) : defaultText(option)
  return `${flagOf(option)} ${value} (${given?.from ?? 'default'})`
}
