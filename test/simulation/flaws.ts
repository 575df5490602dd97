/** Faults that are planted to see that they are found; all are absent from the relay's statements and from PostgreSQL. */
export interface Flaws {
  /** The claim does not ask whether the registration stands. */
  readonly ignoresFence?: boolean
  /** The claim does not ask for earlier rows of the key. */
  readonly ignoresOrder?: boolean
  /** A record counts whatever its epoch, number and rev. */
  readonly recordsAnything?: boolean
  /** A record counts whatever its rev. */
  readonly recordsAnyRev?: boolean
  /** A release counts whatever its rev. */
  readonly releasesAnyRev?: boolean
  /** The sessions of the former link are not ended before new ones are opened: what was sent over them may arrive late. */
  readonly leavesSessions?: boolean
  /** Where nothing delivered is kept, what has failed is deleted, too. */
  readonly deletesFailed?: boolean
  /** Where nothing delivered is kept, an attempt is logged although its callback will be deleted. */
  readonly logsBeforeDeleting?: boolean
  /** The janitor deletes what is dead or cancelled at the age at which it deletes what is delivered. */
  readonly deletesDeadEarly?: boolean
  /** The janitor does not ask again whether what it has locked is still settled. */
  readonly deletesReplayed?: boolean
  /** The janitor leaves the attempts of what it deletes in the log. */
  readonly leavesAttempts?: boolean
  /** An attempt is not written down now and then. */
  readonly forgetsRecords?: boolean
  /** The HTTP client sends once more when no answer comes. */
  readonly sendsTwice?: boolean
  /** What is delivered is made pending now and then, as if the record had failed. */
  readonly forgetsSettling?: boolean
  /** Cancelled rows are claimed. */
  readonly claimsCancelled?: boolean
  /** Held rows are claimed. */
  readonly claimsHeld?: boolean
  /** Rows in the place of which a newer one has come are claimed. */
  readonly claimsSuperseded?: boolean
  /** A row is superseded though no newer one waits. */
  readonly supersedesTheNewest?: boolean
  /** A row that is committed after a younger one was read is not read any more. */
  readonly losesLateCommits?: boolean
  /** Hints are not sent, by relays or by operators. */
  readonly sendsNoHints?: boolean
  /** Before the first byte nobody asks whether the lease still holds. */
  readonly ignoresLease?: boolean
}
