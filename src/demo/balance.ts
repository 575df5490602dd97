import { evidence, type Scene } from './scene.ts'
import { faults, figures, latencies, median } from './summary.ts'

/** The last act: the figures, and whether they add up. @returns whether they do. */
export async function balance(scene: Scene): Promise<boolean> {
  const { screen } = scene
  screen.step("The balance, from the outbox, the receiver's log and its database.")
  const seen = await evidence(scene)
  const all = figures(seen)
  const p50 = median(latencies(seen, ({ path }) => !path.startsWith('/erp')))
  const rows: readonly (readonly [string, string, string])[] = [
    ['written', String(all.written), 'callbacks, each committed with its change of status'],
    ['delivered', String(all.delivered), ''],
    ['rolled back', String(all.rolledBack), `callbacks, of which ${all.rolledBackSent} were sent`],
    [
      'POSTs',
      String(all.posts),
      all.unexplained === 0 ? 'each is in outbox.attempt, with the same answer' : 'not as in outbox.attempt',
    ],
    ['retries', String(all.retries), 'after a 503, or without an answer'],
    ['replays', String(all.replays), 'by SQL'],
    ['out of order', String(all.outOfOrder), ''],
    ['latency p50', `${p50.toFixed(1)} ms`, 'from commit to arrival, crm and dwh'],
    ['verified', String(all.taken), 'by signature; the other POSTs met 503 or 404'],
    ['effects', String(all.effects), `in the receiver's database, of ${all.withEffect} callbacks`],
    ['duplicates', String(all.duplicates), 'verified, but they came again: no second effect'],
    ['forged', String(all.forged), 'POST without the key, refused with 401: no effect'],
  ]
  for (const [name, value, remark] of rows) {
    screen.line(`   ${name.padEnd(14)}${value.padStart(8)}   ${remark}`.trimEnd())
  }
  const wrong = faults(all)
  if (Number.isNaN(p50)) wrong.push('no latency could be measured')
  for (const sentence of wrong) screen.warn(`Does not add up: ${sentence}.`)
  return wrong.length === 0
}
