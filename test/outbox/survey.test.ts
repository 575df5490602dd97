import t from 'tap'
import { mostSurveyed, readSurvey } from '../../src/outbox/survey.ts'
import { registered } from '../fixtures/registered.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback, outbox.hold, outbox.relay, outbox.pulse, outbox.janitor_run')
})

t.test('of an empty schema', async t => {
  t.same(await readSurvey(stage.session, '1'), {
    due: 0,
    later: 0,
    claimed: 0,
    dead: 0,
    holds: 0,
    oldestWaitingSeconds: null,
    oldestDueSeconds: null,
    oldestHoldSeconds: null,
    oldestHistorySeconds: null,
    retentionSeconds: null,
    relays: { living: 0, serving: 0, standingBy: 0, stale: 0 },
    isEldest: false,
  })
})

t.test('what waits, what is dead, what is on hold, who lives, and who is the eldest of them', async t => {
  await stage.query(`
    insert into outbox.callback (url, status, attempts, claimed_epoch, claimed_at, due_at, settled_at, dead_at, created_at, rev)
    select 'https://a.test/', status, 1, 1, now(), now() + due::interval,
           now() - settled::interval, case status when 'dead' then now() end, now() - written::interval, 1
      from (values ('pending', null, null, '90 s'), ('pending', '-80 s', null, '300 s'), ('pending', '1 h', null, '100 s'),
                   ('claimed', null, null, '1 h'), ('dead', null, '1 day', '2 days'), ('delivered', null, '9 days', '9 days')) v (status, due, settled, written)`)
  await stage.query(
    `insert into outbox.hold (url_prefix, reason, held_at) values ('https://a.test/', 'x', now() - interval '1 h')`,
  )
  await stage.query(
    `insert into outbox.janitor_run (relay, started_at, ended_at) values ('a', now() - interval '50 s', now())`,
  )
  await stage.client.query(`${registered('a', { lease: '30 s' })}; ${registered('b', { renewedAgo: '1 min', lease: '5 s' })};
    ${registered('c', { standby: 'it differs' })}`)
  const relays = await stage.query<{ epoch: string; name: string }>('select epoch, name from outbox.relay')
  const epochOf = (name: string) => relays.find(each => each.name === name)?.epoch ?? ''
  await stage.query(
    `update outbox.pulse set started_at = now() - case epoch when $1 then interval '2 h' when $2 then interval '3 h' else interval '1 h' end`,
    [epochOf('a'), epochOf('b')],
  )
  const survey = await readSurvey(stage.session, epochOf('a'))
  t.match(survey, { due: 2, later: 1, claimed: 1, dead: 1, holds: 1, isEldest: true })
  t.same(survey.relays, { living: 2, serving: 1, standingBy: 1, stale: 1 })
  const near = (seconds: number | null, wanted: number) => t.ok(Math.abs((seconds ?? 0) - wanted) < 20, `${seconds} s`)
  near(survey.oldestWaitingSeconds, 300)
  near(survey.oldestDueSeconds, 90)
  near(survey.oldestHoldSeconds, 3_600)
  near(survey.oldestHistorySeconds, 9 * 86_400)
  near(survey.retentionSeconds, 50)
  t.notOk((await readSurvey(stage.session, epochOf('b'))).isEldest, 'its lease has run out')
})

t.test('counts end where the reading does', async t => {
  await stage.query(`insert into outbox.callback (url) select 'https://a.test/' from generate_series(1, $1)`, [
    mostSurveyed + 5,
  ])
  t.equal((await readSurvey(stage.session, '1')).due, mostSurveyed)
})
