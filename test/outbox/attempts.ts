import type { Attempt, Claim, Decision, Outcome, OutcomeKind } from '../../src/model.ts'
import { claim } from '../../src/outbox/claim.ts'
import type { Columns, Stage } from '../fixtures/stage.ts'

export const delivered: Decision = { status: 'delivered' }
export const dead = { status: 'dead', reason: 'gave up' } as const satisfies Decision
export const gone: Decision = { status: 'dead', reason: 'rejected: HTTP 410 Gone', holdsUrl: true }
export const retry: Decision = { status: 'pending', retryInMs: 60_000, reason: 'try again' }

/** What a record goes by. */
export type Sent = Pick<Claim, 'id' | 'messageId' | 'attempt' | 'epoch' | 'rev'>

function outcome(kind: OutcomeKind, facts: Partial<Outcome> = {}): Outcome {
  const answer = kind === 'delivered' ? 204 : kind === 'not_sent' || kind === 'unknown' ? null : 503
  const error = kind === 'delivered' ? null : `it ${kind}`
  return {
    kind,
    httpStatus: answer,
    error,
    responseExcerpt: null,
    retryAfterMs: null,
    startedAtMs: -20,
    finishedAtMs: -10,
    ...facts,
  }
}

export function attempt(
  of: Sent,
  decision: Decision,
  kind: OutcomeKind = 'failed',
  facts: Partial<Outcome> = {},
): Attempt {
  const { id, messageId, attempt, epoch, rev } = of
  return { id, messageId, attempt, epoch, rev, writtenEpoch: epoch, outcome: outcome(kind, facts), decision }
}

/** A row that is there, claimed. */
export async function claimOne(stage: Stage, epoch: string, id: string): Promise<Claim> {
  const [got] = await claim(stage.session, epoch, [id])
  if (!got) throw new Error('the row was not claimed')
  return got
}

/** A new callback, claimed. */
export async function claimNew(stage: Stage, epoch: string, columns: Columns = {}): Promise<Claim> {
  return claimOne(stage, epoch, await stage.insert(columns))
}
