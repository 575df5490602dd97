/** Faults that are planted to see that they are found; all are absent from the relay and from PostgreSQL. */
export interface Flaws {
  /** The claim does not ask for earlier rows of the key, and nobody is told of keys. */
  readonly ignoresOrder?: boolean
  /** A claim and a record count whatever their epoch and number. */
  readonly ignoresEpochs?: boolean
  /** An attempt is not written down now and then. */
  readonly forgetsRecords?: boolean
  /** The HTTP client sends once more when no answer comes. */
  readonly sendsTwice?: boolean
  /** What is delivered is made pending now and then, as if the record had failed. */
  readonly forgetsSettling?: boolean
  /** Cancelled rows are claimed. */
  readonly claimsCancelled?: boolean
  /** A row that is committed after a younger one was read is not read any more. */
  readonly losesLateCommits?: boolean
  /** Before the first byte nobody asks whether the lease still holds. */
  readonly ignoresLease?: boolean
}
