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
    const assumed = books.attempts.filter(
      ({ error }) => error === 'the relay that sent it died before it recorded the outcome',
    )
    const orphaned = new Set(assumed.map(({ callbackId, attempt }) => `${callbackId} ${attempt}`))
    stage.figure('claims cut', of('ringback_claim').length)
    stage.figure('records cut', of('ringback_record').length)
    stage.figure('rows of cut claims', claimed.length)
    const used = claimed.filter(row => orphaned.has(row))
    stage.bar(`a cut claim uses no attempt up, since nothing was sent; not so: ${used.join(', ')}`, used.length === 0)
    stage.longBar(
      '20 cuts of each',
      statements.every(statement => of(statement).length >= 20),
    )
  },
}
