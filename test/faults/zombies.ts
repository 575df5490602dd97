/**
 * What relays do that were buried while they could not look: a relay stands still for longer than its lease, with POSTs
 * in flight and with others whose connections come about only while it stands still; meanwhile the other relay buries it
 * and sends again. When it goes on it must send nothing more and change nothing more.
 */

import { journals } from './books.ts'
import type { Receiver } from './cast.ts'
import { now } from './clock.ts'
import { allHosts, servedBy } from './hosts.ts'
import type { ArrivalLine } from './receiver.ts'
import type { Relay } from './relay.ts'
import type { Stage } from './stage.ts'

/** A lease of 3 s, so that a form of a minute has several rounds. */
export const leaseMs = 3_000
const options = { lease: `${leaseMs}ms`, 'lease-margin': '500ms', deadline: '1500ms', 'connect-timeout': '1s' }

/** Stands still; resolves when it goes on, with the moment before which it did nothing. */
export type StandStill = (relay: Relay) => Promise<number>

/** A row that was claimed by the relay when it was stopped. */
interface Held {
  readonly messageId: string
  readonly attempt: number
}

export async function zombies(stage: Stage, rounds: number, standStill: StandStill): Promise<void> {
  await watchWrites(stage)
  const receiver = await stage.receiver()
  // It does not look, and its kernel takes two connections on its behalf: the others wait for theirs.
  const deaf = await stage.receiver({ backlog: 1 })
  const relays = { a: await stage.relay('a', { options }), b: await stage.relay('b', { options }) }
  await relays.a.until('origins_divided', ({ among }) => among === 2)
  const writers = await stage.writers({ urls: [receiver.url('/mixed')], rate: 60 })
  const tally = { held: 0, unconnected: 0, sent: 0 }
  for (let round = 0; round < rounds; round += 1)
    await play(stage, { receiver, deaf, relay: relays.a, standStill, tally })
  await writers.stop()
  await stage.check()
  const writes = await zombieWrites(stage)
  stage.figure('zombie writes', writes)
  stage.figure('zombie sends', tally.sent)
  stage.figure('claimed when it stood still', tally.held)
  stage.figure('not yet connected', tally.unconnected)
  stage.bar('zombie writes 0', writes === 0)
  stage.bar('zombie sends 0', tally.sent === 0)
  stage.bar('it had POSTs in flight', tally.held > tally.unconnected)
  stage.longBar('and others that were not yet connected', tally.unconnected >= rounds)
}

interface Round {
  readonly receiver: Receiver
  readonly deaf: Receiver
  readonly relay: Relay
  readonly standStill: StandStill
  readonly tally: { held: number; unconnected: number; sent: number }
}

async function play(stage: Stage, { receiver, deaf, relay, standStill, tally }: Round): Promise<void> {
  const lost = relay.count('registration_lost')
  deaf.program.kill('SIGSTOP')
  await insertAll(stage, await servedBy(stage, 'a', allHosts(deaf.url('/ok'))), 16)
  await insertAll(stage, await servedBy(stage, 'a', allHosts(receiver.url('/slow/1000'))), 6)
  await untilClaimed(stage, deaf.port)
  const still = standStill(relay)
  await stage.sleep(100)
  const held = await heldBy(stage, 'a')
  deaf.program.kill('SIGCONT')
  stage.fault()
  const goesOnAt = await still
  for (const end = now() + 10_000; relay.count('registration_lost') === lost && now() < end; ) await stage.sleep(50)
  stage.bar('it noticed that its lease was lost', relay.count('registration_lost') > lost)
  await stage.sleep(2_000)
  const arrivals = new Map(journals<ArrivalLine>(stage.folder, 'arrivals').map(line => [nameOf(line), line.at]))
  for (const each of held) {
    const at = arrivals.get(nameOf(each))
    tally.held += 1
    if (at === undefined || at > goesOnAt) tally.unconnected += 1
    if (at !== undefined && at > goesOnAt) tally.sent += 1
  }
}

async function insertAll(stage: Stage, urls: readonly string[], transactions: number): Promise<void> {
  for (let n = 0; n < transactions; n += 1) await stage.insert({ urls, keyless: 1 })
}

/** Not longer than it takes to connect in vain. */
async function untilClaimed(stage: Stage, port: number): Promise<void> {
  for (const end = now() + 400; now() < end; await stage.sleep(10)) {
    const { rows } = await stage.client.query<{ claimed: number }>(
      `select count(*)::int as claimed from outbox.callback c join outbox.relay r on r.epoch = c.claimed_epoch
        where c.status = 'claimed' and r.name = 'a' and c.origin like '%:' || $1`,
      [port],
    )
    if ((rows[0]?.claimed ?? 0) >= 8) return
  }
}

async function heldBy(stage: Stage, relay: string): Promise<Held[]> {
  const { rows } = await stage.client.query<Held>(
    `select c.message_id as "messageId", c.attempts as attempt
       from outbox.callback c join outbox.relay r on r.epoch = c.claimed_epoch
      where c.status = 'claimed' and r.name = $1`,
    [relay],
  )
  return rows
}

function nameOf({ messageId, attempt }: Held): string {
  return `${messageId} ${attempt}`
}

/**
 * Notes each change that a relay makes to a row whose claim was another's, and lives; or without a registration of its own, but
 * for a 2xx, which may settle a row that nobody has claimed since.
 */
async function watchWrites(stage: Stage): Promise<void> {
  await stage.client.query(`
    create table public.zombie_write (id bigint, attempt int, status text, session text, claimant text, at timestamptz default clock_timestamp());
    create function public.note_zombie() returns trigger language plpgsql as $$
    declare
      relay text := substring(current_setting('application_name') from '[^ ]+$');
      claimant text := (select r.name from outbox.relay r where r.epoch = old.claimed_epoch);
    begin
      if (old.status = 'claimed' and claimant <> relay or not exists (select from outbox.relay r where r.name = relay)) and new.status <> 'delivered' then
        insert into public.zombie_write values (new.id, new.attempts, new.status, current_setting('application_name'), claimant);
      end if;
      return null;
    end $$;
    create trigger note_zombie after update on outbox.callback for each row
      when (current_setting('application_name') like 'ringback %') execute function public.note_zombie()`)
}

async function zombieWrites(stage: Stage): Promise<number> {
  const { rows } = await stage.client.query<{ writes: number }>(
    'select count(*)::int as writes from public.zombie_write',
  )
  return rows[0]?.writes ?? 0
}
