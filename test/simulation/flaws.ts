/**
 * Flaws of the model that tests plant to see that the checker finds them. PostgreSQL and the relay's statements have
 * none of them.
 */
export interface Flaws {
  /** A claim does not check the registration. */
  readonly ignoresFence?: boolean
  /** A claim does not check for earlier rows of the key. */
  readonly ignoresOrder?: boolean
  /** A record is accepted with any epoch, number and rev. */
  readonly recordsAnything?: boolean
  /** A record is accepted with any rev. */
  readonly recordsAnyRev?: boolean
  /** A release is accepted with any rev. */
  readonly releasesAnyRev?: boolean
  /** With `--keep-delivered 0`, failed callbacks are deleted too. */
  readonly deletesFailed?: boolean
  /** With `--keep-delivered 0`, an attempt is logged although its callback will be deleted. */
  readonly logsBeforeDeleting?: boolean
  /** The janitor deletes dead and cancelled rows at the age of delivered ones. */
  readonly deletesDeadEarly?: boolean
  /** The janitor does not check again that a locked row is still settled. */
  readonly deletesReplayed?: boolean
  /** The janitor leaves the attempts of deleted rows in the log. */
  readonly leavesAttempts?: boolean
  /** Some attempts are not recorded. */
  readonly forgetsRecords?: boolean
  /** The HTTP client sends again when no answer comes. */
  readonly sendsTwice?: boolean
  /** Some delivered rows become pending again. */
  readonly forgetsSettling?: boolean
  /** Cancelled rows are claimed. */
  readonly claimsCancelled?: boolean
  /** Held rows are claimed. */
  readonly claimsHeld?: boolean
  /** Superseded rows are claimed. */
  readonly claimsSuperseded?: boolean
  /** A row is superseded though no newer one waits. */
  readonly supersedesTheNewest?: boolean
  /** A row that is committed after a newer one was read is never read. */
  readonly losesLateCommits?: boolean
  /** Relays and operators send no hints. */
  readonly sendsNoHints?: boolean
  /** The lease is not checked before the first byte. */
  readonly ignoresLease?: boolean
}
