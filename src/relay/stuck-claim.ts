import { stuckClaimMs } from '../policy/tuning.ts'

/**
 * Whether a claim gets no answer while renewals are answered. That tells a locked row or table from a database that is
 * stuck.
 */
export class StuckClaim {
  readonly #claimingSince: () => number | null
  /** The claim without an answer, and at how many renewals in a row it had none. */
  #unanswered: { readonly since: number | null; readonly renewals: number } = { since: null, renewals: 0 }

  /** @param claimingSince since when a claim is under way, by `performance.now()`; null: none. */
  constructor(claimingSince: () => number | null) {
    this.#claimingSince = claimingSince
  }

  renewed(): void {
    const since = this.#claimingSince()
    this.#unanswered = { since, renewals: since === this.#unanswered.since ? this.#unanswered.renewals + 1 : 1 }
  }

  isStuck(now: number): boolean {
    const { since, renewals } = this.#unanswered
    return since !== null && since === this.#claimingSince() && renewals > 1 && now - since > stuckClaimMs
  }
}
