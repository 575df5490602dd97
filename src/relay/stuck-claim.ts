import { stuckClaimMs } from '../policy/tuning.ts'

/** Renewals are answered, and a claim is not: by itself that tells a locked row from a database that stands still. */
export class StuckClaim {
  readonly #claimingSince: () => number | null
  /** The claim without an answer at the last renewals, and at how many of them. */
  #unanswered: { readonly since: number | null; readonly renewals: number } = { since: null, renewals: 0 }

  /** @param claimingSince since when a claim is under way, by `performance.now()`; null: none is. */
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
