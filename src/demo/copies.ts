/** The act of the receiver's half: a callback comes again and again and has one effect, and a forged one has none. */
import { randomBytes, randomUUID } from 'node:crypto'
import { everythingSettled, type Scene, showCommand, showStatement } from './scene.ts'
import { pause } from './waiting.ts'

/** For whoever reads a sentence before what it speaks of. */
const READING_MS = 1_000

export async function copiesHaveNoEffect(scene: Scene): Promise<void> {
  const { screen, signal, receivers, scheduler, flows, db } = scene
  screen.step(
    'crm takes a callback, and its answer is lost. The relay cannot know that it arrived, so it sends it again; the receiver knows.',
  )
  screen.say(
    "It has an inbox in its own database: the webhook-id is written there in the effect's own transaction, so that a copy finds it.",
  )
  await pause(READING_MS, signal)
  await receivers.rule({ path: '/crm/flow', mishap: 'answer lost' })
  await scheduler.start(flows.invoices, 'commit')
  await everythingSettled(scene)
  const { rows } = await db.query<{ id: string; messageId: string }>(
    'select id, message_id as "messageId" from outbox.callback order by id desc limit 1',
  )
  const { id = '', messageId = '' } = rows[0] ?? {}
  screen.say('An operator who is not sure sends it once more, although it is delivered:')
  await showStatement(scene, [`UPDATE outbox.callback SET status = 'pending' WHERE id = ${id};`])
  await everythingSettled(scene)
  await showCommand(scene, ['attempts', id])
  await tellEffects(scene, messageId)
  await pause(READING_MS, signal)
  await forge(scene)
}

async function tellEffects({ screen, receivers, receiverDb }: Scene, messageId: string): Promise<void> {
  const copies = receivers.arrivals.filter(arrival => arrival.messageId === messageId).length
  const { rowCount } = await receiverDb.query('select from effect where message_id = $1', [messageId])
  screen.say(`It arrived ${copies} times. Its effects in the receiver's database: ${rowCount}.`)
}

/** All that the relay would send, but the key. */
async function forge({ screen, signal, receivers }: Scene): Promise<void> {
  screen.say('Somebody without the key posts there as well: execution 1 is to have failed.')
  const response = await fetch(receivers.url('/crm/flow'), {
    method: 'POST',
    signal,
    headers: {
      'webhook-id': randomUUID(),
      'webhook-attempt': '1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'webhook-signature': `v1,${randomBytes(32).toString('base64')}`,
    },
    body: new URLSearchParams({ flowId: '1', flowExecutionId: '1', code: '3' }),
  })
  await response.text()
  await receivers.rule()
}
