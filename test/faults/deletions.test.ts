import t from 'tap'
import { check } from '../checker/check.ts'
import { Stage } from '../fixtures/stage.ts'
import { readBooks } from './books.ts'
import { watchDeletions } from './deletions.ts'

const stage = await Stage.open(t)
await watchDeletions(stage.client)
const folder = t.testdir({})

/** A callback of this status that has been so for a minute, tried twice. */
async function write(status: string): Promise<string> {
  const [row] = await stage.query<{ id: string }>(
    `with written as (
       insert into outbox.callback (url, status, attempts, rev, claimed_epoch, claimed_at, settled_at, last_started_at, last_finished_at, last_outcome,
                                    last_http_status, last_relay, last_epoch)
       select 'https://receiver.test/a', status, 2, 4, 1, now(), case status when 'delivered' then now() - interval '1 minute' end,
              finished_at, finished_at, outcome, status_code, relay, epoch
         from (values ('delivered', now() - interval '1 minute', 'delivered', 200, 'a', 1::bigint), ('claimed', null, null, null, null, null))
              r (status, finished_at, outcome, status_code, relay, epoch)
        where status = $1
       returning id, message_id
     ), attempt as (
       insert into outbox.attempt_log (callback_id, message_id, attempt, epoch, outcome, http_status, started_at, finished_at, relay)
       select id, message_id, 1, 1, 'failed', 500, now(), now(), 'a' from written
     )
     select id::text from written`,
    [status],
  )
  return row?.id ?? ''
}

/** What a checker finds where delivered rows are kept for so long. */
async function found(keptMs: number): Promise<string[]> {
  const books = await readBooks(folder, stage.client, { acts: [], amended: new Map() })
  const { violations } = check({ ...books, written: null }, { allArrivals: false, keptMs })
  return violations.map(({ kind, id }) => `${kind} ${id}`)
}

t.test('a janitor that deletes a row too young, or one that is being sent, is found out', async t => {
  const [old, sent] = [await write('delivered'), await write('claimed')]
  t.same(await found(30_000), [])
  await stage.query(
    'with gone as (delete from outbox.callback where id = $1) delete from outbox.attempt_log where callback_id = $1',
    [old],
  )
  t.same(await found(30_000), [], 'its time was over, and its attempts are known')
  t.same(await found(90_000), [`lost ${old}`])
  await stage.query('delete from outbox.callback where id = $1', [sent])
  t.same(await found(30_000), [`lost ${sent}`])
})

t.test('a janitor that loses an attempt is found out', async t => {
  const id = await write('delivered')
  await stage.query('alter table outbox.attempt_log disable trigger keep_deleted')
  await stage.query('delete from outbox.attempt_log where callback_id = $1', [id])
  t.ok((await found(30_000)).includes(`unrecorded ${id}`))
})
