import { Session, type SessionOptions, sessionName } from './session.ts'

/** The four connections of a running relay; the listener is the fifth and last. */
export class Sessions {
  /** Claims, and looks at what could not be claimed. */
  readonly claim: Session
  /** Records. */
  readonly record: Session
  /** Fetches, sweeps, parks. */
  readonly read: Session
  /** Name, lease, lanes, and the lock that sleeping needs: they end with this session. */
  readonly keep: Session

  private constructor([claim, record, read, keep]: readonly [Session, Session, Session, Session]) {
    this.claim = claim
    this.record = record
    this.read = read
    this.keep = keep
  }

  /** Opens all four, or none. */
  static async open(options: Omit<SessionOptions, 'applicationName'> & { readonly relay: string }): Promise<Sessions> {
    const wanted = (['claim', 'record', 'read', 'keep'] as const).map(purpose =>
      Session.open({ ...options, applicationName: sessionName(purpose, options.relay) }),
    )
    const opened = await Promise.allSettled(wanted)
    const failed = opened.find(result => result.status === 'rejected')
    const sessions = opened.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    if (!failed) return new Sessions(sessions as [Session, Session, Session, Session])
    for (const session of sessions) session.destroy()
    throw failed.reason
  }

  /** Rejects when the first of them fails. */
  async failure(): Promise<never> {
    throw await Promise.race([this.claim.lost, this.record.lost, this.read.lost, this.keep.lost])
  }

  destroy(): void {
    for (const session of [this.claim, this.record, this.read, this.keep]) session.destroy()
  }

  async close(): Promise<void> {
    await Promise.all([this.claim, this.record, this.read, this.keep].map(session => session.close()))
  }
}
