import type { Scenario } from '../scenario.ts'
import { type Cut, cutReplies } from '../statement-cut.ts'

/** The database has committed, and the relay never hears of it. */
export const scenario: Scenario = {
  number: 23,
  title: 'connection cut between the commit of a claim or record and its reply',
  async run(stage) {
    const receiver = await stage.receiver()
    const proxy = await stage.proxy(stage.databaseUrl)
    const cuts: Cut[] = []
    const statements = ['ringback_claim', 'ringback_record']
    const note = (cut: Cut) => {
      cuts.push(cut)
      stage.fault()
    }
    proxy.watch(cutReplies({ statements, share: 0.03, random: stage.random }, note))
    for (const name of ['a', 'b']) await stage.relay(name, { databaseUrl: proxy.via(stage.databaseUrl) })
    const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 100 })
    await stage.sleep(stage.seconds(45, 8) * 1_000)
    await writers.stop()
    const { books } = await stage.check()
    const of = (statement: string) => cuts.filter(cut => cut.statement === statement)
    const claimed = of('ringback_claim').flatMap(({ rows }) => rows.map(([id, attempt]) => `${id} ${attempt}`))
    const lost = books.attempts.filter(({ error }) => error === 'the reply to the claim was lost')
    const notSent = new Set(lost.map(({ callbackId, attempt }) => `${callbackId} ${attempt}`))
    stage.figure('claims cut', of('ringback_claim').length)
    stage.figure('records cut', of('ringback_record').length)
    stage.figure('rows of cut claims', claimed.length)
    // More than those: a cut takes all connections of the relay with it, and a claim may be under way on another.
    stage.figure('recorded as not sent', lost.length)
    const missing = claimed.filter(row => !notSent.has(row))
    stage.bar(`rows of cut claims are recorded as not sent; not so: ${missing.join(', ')}`, missing.length === 0)
    stage.longBar(
      '20 cuts of each',
      statements.every(statement => of(statement).length >= 20),
    )
  },
}
