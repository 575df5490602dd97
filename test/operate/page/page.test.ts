/** The page by plain HTTP: every screen, every act under the rights of its role, and what attackers try. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import type pg from 'pg'
import t from 'tap'
import { outcomesChart } from '../../../src/operate/page/chart.ts'
import { html } from '../../../src/operate/page/html.ts'
import { badgesOf } from '../../../src/operate/page/layout.ts'
import { Page } from '../../../src/operate/page/page.ts'
import { PageServer } from '../../../src/operate/page/page-server.ts'
import { Periods, spans } from '../../../src/operate/page/periods.ts'
import type { Figures } from '../../../src/outbox/screen-figures.ts'
import { readPeriod } from '../../../src/outbox/screen-periods.ts'
import { ScreenSessions } from '../../../src/outbox/screen-sessions.ts'
import { testDatabase } from '../../fixtures/database.ts'
import { eventually } from '../../fixtures/eventually.ts'
import { servePage } from '../../fixtures/operators-page.ts'
import { registered } from '../../fixtures/registered.ts'

const evil = `</pre><script>alert(1)</script>"'&<img src=x onerror=alert(2)>`

const { client, url } = await testDatabase(t)
await fill(client)

interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

interface Answered {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
}

async function serve(role: string, password?: string) {
  const address = await servePage(t, { url, role, password })
  const [host, port] = address.split(':')
  /** `fetch` would not send another Host. */
  const ask = (path: string, { method = 'GET', headers = {}, body = '' }: Asked = {}): Promise<Answered> =>
    new Promise((resolve, reject) => {
      const sent = request({ host, port, path, method, headers }, async response => {
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  const act = (form: Record<string, string>, headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' }) =>
    ask('/act', { method: 'POST', headers, body: new URLSearchParams(form).toString() })
  return { ask, act, address }
}

const operator = await serve('outbox_operator')
const reader = await serve('outbox_reader')

/** 1 waits after a failure, 2 is dead, 3 is delivered, 4 waits behind 1 in its key, 5 is being sent; one relay, one hold. */
async function fill(db: pg.Client): Promise<void> {
  await db.query(`${registered('a', { origins: 1 })}`)
  await db.query(
    `insert into outbox.callback (url, form, ordering_key, status, attempts, due_at, settled_at, dead_at, last_error, last_http_status,
       last_started_at, last_finished_at, last_epoch, last_outcome, last_relay, last_attempt_error, last_excerpt, claimed_at, claimed_epoch, rev)
     select v.url, $1::json, v.key, v.status, v.attempts, v.due, v.settled, case when v.status = 'dead' then v.settled end, v.error, null,
            v.settled, v.settled, case when v.settled is not null then 7 end, case when v.status = 'dead' then 'rejected' when v.settled is not null then 'delivered' end,
            case when v.settled is not null then 'a' end, v.error, case when v.status = 'dead' then $2 end,
            case when v.status = 'claimed' then now() end, case when v.status = 'claimed' then 7 end, 1
       from (values ('https://ill.test/a?' , $2, 'pending', 1, now() + interval '1 h', null::timestamptz, $2),
                    ('https://ill.test/dead', null, 'dead', 1, null, now(), $2),
                    ('https://well.test/', null, 'delivered', 1, null, now(), null),
                    ('https://ill.test/behind', $2, 'pending', 0, null, null, null),
                    ('https://well.test/sent', null, 'claimed', 1, null, null, null)) v (url, key, status, attempts, due, settled, error)`,
    [JSON.stringify({ message: evil }), evil],
  )
  await db.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', $1)`, [evil])
}

const screens = [
  '/',
  '/?span=24h',
  '/?span=7d',
  '/origins',
  `/origins/${encodeURIComponent('https://ill.test')}`,
  '/callbacks',
  ...['pending', 'claimed', 'dead', 'delivered', 'cancelled'].map(status => `/callbacks?status=${status}`),
  ...['1', '2', '3', '4', '5'].map(id => `/callbacks/${id}`),
  '/keys',
  '/holds',
  '/relays',
  '/doctor',
  '/operations',
]
const confirmations = [
  'act=replay&id=2',
  'act=retry&id=1',
  'act=cancel&id=1',
  'act=amend&id=1',
  'act=amend&id=2',
  'act=amend&id=5',
  'act=amend&id=999999',
  `act=replay-dead&url=${encodeURIComponent('https://ill.test/')}&until=2099-01-01T00:00:00Z`,
  `act=retry-url&url=${encodeURIComponent('https://ill.test/')}`,
  `act=hold&url=${encodeURIComponent('https://ill.test/')}&reason=x`,
  'act=release&id=1',
].map(query => `/confirm?${query}`)

t.test(
  'every screen is a whole document, under a policy that allows nothing inline and nothing from elsewhere',
  async t => {
    for (const path of [...screens, ...confirmations]) {
      const { status, headers, text } = await operator.ask(path)
      t.equal(status, 200, path)
      t.match(text, /^<!doctype html>\n<html lang="en">[\s\S]*<h1[\s\S]*<\/html>\n$/, path)
      t.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/)
      t.notMatch(text, /<style|style="|\son\w+="|<script(?! type="module" src="\.\.?\/ringback\.js"><\/script>)/, path)
      t.notMatch(text, /(?:href|src|action)="\/|\[object Object\]|undefined/, `relative URLs, no slip: ${path}`)
    }
  },
)

t.test('what a form, a key, an answer, a reason and a URL hold stays text', async t => {
  const [row] = (await client.query(`select form::text as form from outbox.callback where id = 2`)).rows
  const { text } = await operator.ask('/callbacks/2')
  t.ok(text.includes(html`<pre>${row.form}</pre>`.toString()), 'the form as it is stored')
  const attacks = [
    ...screens,
    `/callbacks?status=dead&url=${encodeURIComponent(evil)}&key=${encodeURIComponent(evil)}&since=${encodeURIComponent(evil)}&after=${encodeURIComponent(evil)}`,
    `/confirm?act=hold&url=${encodeURIComponent(evil)}&reason=${encodeURIComponent(evil)}`,
    '/confirm?act=amend&id=2',
    `/confirm?act=amend&id=1&url=${encodeURIComponent(evil)}&form=${encodeURIComponent(evil)}&seen=${encodeURIComponent(evil)}`,
    `/origins/${encodeURIComponent(evil)}`,
    `/holds?did=${encodeURIComponent(evil)}&n=${encodeURIComponent(evil)}`,
  ]
  for (const path of attacks) t.notMatch((await operator.ask(path)).text, /<script>|<img/, path)
})

t.test('a request for another host is refused: a name that was pointed at this address is no way in', async t => {
  for (const host of ['evil.test', 'evil.test:80', '127.0.0.1.evil.test'])
    t.match(await operator.ask('/', { headers: { host } }), { status: 421 }, host)
  for (const host of ['ringback.example', 'RINGBACK.example:443', operator.address])
    t.match(await operator.ask('/', { headers: { host } }), { status: 200 }, host)
})

t.test('an act that another site sent changes nothing', async t => {
  const form = { act: 'cancel', id: '4' }
  const host = operator.address
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'cross-site', origin: `http://${host}` },
    { origin: 'http://evil.test' },
    { origin: 'null' },
    {},
  ])
    t.match(await operator.act(form, headers as Record<string, string>), { status: 403, text: /Nothing was changed/ })
  t.same(await statusOf('4'), 'pending')
  t.match(
    await operator.act({ act: 'retry', id: '4' }, { origin: `http://${host}` }),
    { status: 303 },
    'an old browser',
  )
  t.match(await operator.ask('/act?act=cancel&id=4'), { status: 404 }, 'a link is no act')
})

async function statusOf(id: string): Promise<string> {
  const { rows } = await client.query('select status from outbox.callback where id = $1', [id])
  return rows[0].status
}

t.test('as a reader the page has no acts, and PostgreSQL refuses them whatever the page does', async t => {
  for (const path of screens) t.notMatch((await reader.ask(path)).text, /method="post"|confirm\?|type="checkbox"/, path)
  t.match(await reader.ask('/confirm?act=cancel&id=4'), { status: 404 })
  t.match(await reader.ask('/confirm?act=amend&id=4'), { status: 404 })
  t.match(await reader.act({ act: 'amend', id: '4', url: 'https://evil.test/', form: '{}', seen: await seenOf('4') }), {
    status: 403,
  })
  t.match(await reader.act({ act: 'cancel', id: '4' }), { status: 403, text: /permission denied/ })
  t.match(await reader.act({ act: 'hold', url: 'https://a.test/', reason: 'x' }), { status: 403 })
  t.same(await statusOf('4'), 'pending')
  t.match((await reader.ask('/')).text, /outbox_reader<\/span>, which may only read/)
})

t.test('each act: asked first, done by a POST, and said afterwards', async t => {
  const go = async (form: Record<string, string>) => {
    const { status, headers } = await operator.act(form)
    t.equal(status, 303)
    return (await operator.ask(`/${headers.location}`)).text
  }
  t.match((await operator.ask('/confirm?act=replay&id=2')).text, /Replay callback 2\?[\s\S]*ringback replay --id 2/)
  t.same(await statusOf('2'), 'dead', 'to be asked changes nothing')
  t.match(await go({ act: 'replay', id: '2' }), /1 callback goes out again/)
  t.same(await statusOf('2'), 'pending')
  t.match(await go({ act: 'retry', id: '1' }), /1 callback is due now/)
  t.match(await go({ act: 'cancel', id: '4' }), /1 callback is cancelled/)
  t.same(await statusOf('4'), 'cancelled')
  t.match(await go({ act: 'cancel', id: '5' }), /0 callbacks are cancelled\. 1 was left alone/)
  t.match(
    await go({ act: 'hold', url: 'https://more.test/', reason: 'work' }),
    /The hold stands[\s\S]*https:\/\/more\.test\//,
  )
  const { rows } = await client.query(`select id, held_by from outbox.hold where url_prefix = 'https://more.test/'`)
  t.match(await go({ act: 'release', id: rows[0].id }), /The hold is gone/)
  t.match(await go({ act: 'release', id: rows[0].id }), /gone already/)
  t.match(await operator.act({ act: 'hold', url: 'no url', reason: 'x' }), {
    status: 400,
    text: /PostgreSQL refused this/,
  })
  t.match(await operator.act({ act: 'drop', id: '1' }), { status: 400 })
  t.match(await operator.act({ act: 'cancel', id: '1; drop table' }), { status: 400 })
})

/** As the form that amends this callback carries it. */
async function seenOf(id: string): Promise<string> {
  const { text } = await operator.ask(`/confirm?act=amend&id=${id}`)
  return text.match(/name="seen" value="(-?\d+)"/)?.[1] ?? ''
}

t.test('amend: another URL or form for one that waits or is settled; what was changed since is left alone', async t => {
  const { rows } = await client.query(`
    insert into outbox.callback (url, form) values ('https://old.test/', '{"b": 1.00,\r\n "a": 12345678901234567890}') returning id`)
  const { id } = rows[0]
  const now = async () => {
    const { rows } = await client.query('select status, url, form::text as form from outbox.callback where id = $1', [
      id,
    ])
    return rows[0]
  }
  const amend = async (values: Record<string, string>) => {
    const { status, headers, text } = await operator.act({ act: 'amend', id, ...values })
    return status === 303 ? (await operator.ask(`/${headers.location}`)).text : `${status} ${text}`
  }
  const { text: asked } = await operator.ask(`/confirm?act=amend&id=${id}`)
  t.match(asked, /Amend callback \d+\?[\s\S]*UPDATE outbox\.callback\n {3}SET url = /)
  const form = '{"b": 1.00,\r\n "a": 98765432109876543210, "é": "</textarea><script>alert(1)</script>"}'
  const seen = await seenOf(id)
  t.match(await amend({ url: 'https://new.test/', form, seen }), /The callback is amended/)
  t.same(
    await now(),
    { status: 'pending', url: 'https://new.test/', form: form.replace('\r\n', '\n') },
    'digit by digit',
  )
  t.notMatch((await operator.ask(`/confirm?act=amend&id=${id}`)).text, /<script>/)

  t.match(await amend({ url: 'https://late.test/', form: '{}', seen }), /Nothing was amended\. 1 was left alone/)
  const fresh = await seenOf(id)
  t.match(await amend({ url: 'https://evil.test/', form: '{}' }), /Nothing was amended/, 'unseen')
  t.match(await amend({ url: 'https://u:p@evil.test/', form: '{}', seen: fresh }), /400 [\s\S]*PostgreSQL refused this/)
  t.match(await amend({ url: 'https://new.test/', form: '{"a": {"b": 1}}', seen: fresh }), /400 [\s\S]*nested/)
  t.match(await amend({ url: 'https://new.test/', form: 'no json', seen: fresh }), /400 /)
  t.match(await amend({ url: 'https://new.test/', form: `{"a": "${'x'.repeat(65_600)}"}`, seen: fresh }), /400 /)
  t.match(
    await operator.act(
      { act: 'amend', id, url: 'https://evil.test/', form: '{}', seen: fresh },
      { origin: 'http://evil.test' },
    ),
    {
      status: 403,
    },
  )
  t.match(await operator.ask(`/act?act=amend&id=${id}&url=https://evil.test/&form={}&seen=${fresh}`), { status: 404 })
  t.match((await now()).url, 'https://new.test/')

  await client.query(`update outbox.callback set status = 'cancelled' where id = $1`, [id])
  t.match(await amend({ url: 'https://evil.test/', form: '{}', seen: fresh }), /Nothing was amended/, 'it is no replay')
  t.match((await operator.ask(`/confirm?act=amend&id=${id}`)).text, /Amend and replay callback \d+\?/)
  const full = `{"a": "${'é'.repeat(32_700)}"}`
  t.match(await amend({ url: 'https://again.test/', form: full, seen: await seenOf(id) }), /The callback is amended/)
  t.same(await now(), { status: 'pending', url: 'https://again.test/', form: full })

  t.match((await operator.ask('/confirm?act=amend&id=5')).text, /Callback 5 is being sent/)
  t.match(await operator.act({ act: 'amend', id: '5', url: 'https://evil.test/', form: '{}', seen: '0' }), {
    status: 303,
  })
  t.match(await client.query('select url from outbox.callback where id = 5'), {
    rows: [{ url: 'https://well.test/sent' }],
  })
  t.match(await operator.ask('/confirm?act=amend&id=1&id=2'), { status: 404 }, 'one at a time')
})

t.test('who did what: each act is recorded with its login, and nothing that changed nothing', async t => {
  await client.query('delete from outbox.operation')
  await operator.act({ act: 'hold', url: `https://acts.test/?'&`, reason: 'work' })
  await operator.act({ act: 'cancel', id: '5' })
  await operator.act({ act: 'cancel', id: '5' }, { 'sec-fetch-site': 'cross-site' })
  await reader.act({ act: 'hold', url: 'https://acts.test/', reason: 'x' })
  await operator.act({ act: 'hold', url: 'no url', reason: 'x' })
  const { rows } = await client.query(
    'select acted_by = session_user as is_login, act, condition, done, left_alone from outbox.operation order by id',
  )
  t.same(rows, [
    { is_login: true, act: 'hold', condition: `url_prefix = 'https://acts.test/?''&'`, done: '1', left_alone: '0' },
  ])
  await operator.act({ act: 'replay', id: '4' })
  const { text } = await reader.ask('/operations')
  t.match(text, /Who did what[\s\S]*ringback ui[\s\S]*>replay<[\s\S]*id = 4[\s\S]*>hold<[\s\S]*acts\.test/)
})

t.test('the dead that match are replayed until the moment of the question, and no later ones', async t => {
  await client.query(`
    insert into outbox.callback (url, status, settled_at, dead_at, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay, attempts, rev)
    select 'https://many.test/' || n, 'dead', at, at, at, at, 7, 'rejected', 'a', 1, 1
      from generate_series(1, 5) n, lateral (select now() - n * interval '1 min' as at) a`)
  const until = new Date(Date.now() - 150_000).toISOString()
  const match = { act: 'replay-dead', url: 'https://MANY.test:443/', until }
  t.match((await operator.ask(`/origins/${encodeURIComponent('https://many.test')}`)).text, /Replay its dead…/)
  t.notMatch((await operator.ask(`/origins/${encodeURIComponent('https://nobody.test')}`)).text, /Replay its dead/)
  const { text } = await operator.ask(`/confirm?${new URLSearchParams(match)}`)
  t.match(text, /Replay 3 dead callbacks to https:\/\/MANY\.test:443\/\?/)
  t.match(await operator.act(match), { status: 303, headers: { location: 'callbacks?did=replay&n=3&left=0' } })
  const { rows } = await client.query(
    `select count(*)::int as dead from outbox.callback where dead_at is not null and url ^@ 'https://many.test/'`,
  )
  t.same(rows, [{ dead: 2 }])
})

t.test('a list goes on page by page, without a gap and without a repetition', async t => {
  await client.query(`
    insert into outbox.callback (url, status, settled_at, dead_at, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay, attempts, rev)
    select 'https://pages.test/' || n, 'dead', at, at, at, at, 7, 'rejected', 'a', 1, 1
      from generate_series(1, 120) n, lateral (select '2020-01-01'::timestamptz + n / 40 * interval '1 us' as at) a`)
  const seen: string[] = []
  let path: string | undefined = `callbacks?status=dead&url=${encodeURIComponent('https://pages.test/')}`
  while (path !== undefined && seen.length < 500) {
    const text: string = (await operator.ask(`/${path}`)).text
    seen.push(...[...text.matchAll(/aria-label="Callback (\d+)"/g)].map(([, id = '']) => id))
    const next = text.match(/rel="next" href="(\?[^"]+)"/)?.[1]?.replaceAll('&#38;', '&')
    path = next === undefined ? undefined : `callbacks${next}`
  }
  t.equal(seen.length, 120)
  t.equal(new Set(seen).size, 120)
  t.match(await operator.ask(`/callbacks?id=${seen[0]}`), {
    status: 303,
    headers: { location: `callbacks/${seen[0]}` },
  })
})

t.test('a filter that is the beginning of no URL says so', async t => {
  const list = async (url: string) => (await operator.ask(`/callbacks?status=dead&url=${encodeURIComponent(url)}`)).text
  t.match(await list('crm.example'), /No dead callback matches, and no URL begins so: give the whole host, such as/)
  t.match(await list('https://nobody.example/'), /No dead callback matches\. /)
})

t.test('a callback is found by its webhook-id, which has no index, also among others of its time', async t => {
  const { rows } = await client.query(
    `select id::text as id, message_id::text as webhook_id from outbox.callback order by id`,
  )
  for (const { id, webhook_id } of [rows[0], rows[rows.length >> 1], rows.at(-1)])
    t.match(await operator.ask(`/callbacks?id=%20${webhook_id.toUpperCase()}`), {
      status: 303,
      headers: { location: `callbacks/${id}` },
    })
  const others = [
    '00000000-0000-7000-8000-000000000000',
    'ffffffff-ffff-7fff-bfff-ffffffffffff',
    '01930000-0000-4000-8000-000000000000',
    evil,
  ]
  for (const each of others)
    t.match(await operator.ask(`/callbacks?id=${encodeURIComponent(each)}`), { status: 404 }, each)
})

t.test('an origin: when a retry is due, when it was delivered to last, and how long it took to answer', async t => {
  await client.query(`
    insert into outbox.callback (url, status, settled_at, attempts, rev, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
    select 'https://state.test/', 'delivered', at, 1, 1, at - n * interval '10 ms', at, 7, 'delivered', 'a'
      from generate_series(1, 20) n, lateral (select now() - n * interval '1 min' as at) v`)
  await client.query(`
    insert into outbox.callback (url, attempts, rev, due_at, last_error)
    select 'https://state.test/', 1, 1, now() + n * interval '20 min', '500' from generate_series(1, 2) n`)
  const { text } = await operator.ask(`/origins/${encodeURIComponent('https://state.test')}`)
  t.match(text, /Next retry<\/dt><dd>due at [^,]*, in (19|20) min</)
  t.match(text, /Last delivery<\/dt><dd>[^,]*, \d\d s ago</)
  t.match(text, /Answer time<\/dt><dd>p50 100 ms, p95 190 ms, of 20 deliveries</)
  const nobody = await operator.ask(`/origins/${encodeURIComponent('https://nobody.test')}`)
  t.match(nobody.text, /none waits after a failure[\s\S]*none among the last 2,500 callbacks that ended/)
  t.notMatch(nobody.text, /Answer time/)
})

t.test('the first callback of a key is named with what waits behind it', async t => {
  await client.query(`
    insert into outbox.callback (url, ordering_key, attempts, rev, due_at, last_error)
    select 'https://blocked.test/', 'blocked', case n when 1 then 4 else 0 end, 1, case n when 1 then now() + interval '90 min' end, case n when 1 then '500' end
      from generate_series(1, 13) n`)
  const { text } = await operator.ask('/keys')
  t.match(
    text,
    /blocked by the first callback\.[\s\S]*>blocked<\/a>[\s\S]*>500<[\s\S]*in [89]\d min[\s\S]*data-l="behind it">12</,
  )
  const id = text.match(/>blocked<\/a>[\s\S]*?aria-label="Callback (\d+)"/)?.[1]
  t.match((await operator.ask(`/callbacks/${id}`)).text, /Next: attempt 5<\/b>, in [89]\d min/)
})

t.test('what the last hour has settled is a chart, and a table behind it', async t => {
  await client.query(`
    insert into outbox.callback (url, status, settled_at, attempts, rev, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
    select 'https://well.test/', 'delivered', at, 1, 1, at, at, 7, 'delivered', 'a'
      from generate_series(1, 3000) n, lateral (select date_trunc('minute', now()) - interval '20 min' - n * interval '20 ms' as at) v`)
  const sessions = new ScreenSessions({ connection: () => ({ connectionString: url }), schema: 'outbox' })
  t.teardown(() => sessions.close())
  const minutes = new Periods(spans['1 h'])
  const look = () => sessions.read(session => minutes.read(session, new Date()))
  // The hour is read part by part, the newest first.
  while ((await look()).length < 60);
  const text = outcomesChart(await look()).toString()
  t.match(
    text,
    /role="img" aria-label="Outcomes a minute, the last hour, delivered: [^"]* at most (2,9|3,0)\d\d, in all/,
    'a busy minute is worked out from parts of it',
  )
  t.match(text, /<summary>The same as a table<\/summary>/)
})

t.test(
  'a minute whose first seconds settled most, since schedulers write at full minutes, is not estimated too high',
  async t => {
    const atMs = Math.floor(Date.now() / 60_000) * 60_000 - 40 * 60_000
    await client.query(
      `insert into outbox.callback (url, status, settled_at, attempts, rev)
     select 'https://well.test/', 'delivered', $1::timestamptz + case when n <= 12000 then n * interval '250 us' else interval '3 s' + (n - 12000) * interval '9 ms' end, 1, 1
       from generate_series(1, 18000) n`,
      [new Date(atMs)],
    )
    const sessions = new ScreenSessions({ connection: () => ({ connectionString: url }), schema: 'outbox' })
    t.teardown(() => sessions.close())
    const { delivered, isEstimate } = await sessions.read(session => readPeriod(session, atMs, 60_000))
    t.ok(isEstimate)
    t.ok(Math.abs(delivered - 18_000) < 2_700, `${delivered} of 18,000`)
  },
)

t.test('what 24 hours and 7 days have settled: counted, or worked out where it was very much', async t => {
  const at = new Date(Math.floor(Date.now() / 7_200_000) * 7_200_000 - 12 * 3_600_000)
  /** Of each ten three are dead, one is cancelled, six are delivered. */
  const settle = (rows: number, from: Date, seconds: number) =>
    client.query(
      `insert into outbox.callback (url, status, settled_at, dead_at, attempts, rev)
       select 'https://well.test/', case when n % 10 < 3 then 'dead' when n % 10 = 3 then 'cancelled' else 'delivered' end, at, case when n % 10 < 3 then at end, 1, 1
         from generate_series(0, $1 - 1) n, lateral (select $2::timestamptz + n * $3::float8 / $1 * interval '1 s' as at) v`,
      [rows, from, seconds],
    )
  const later = (hours: number) => new Date(+at + hours * 3_600_000)
  await settle(500, at, 7_000)
  await settle(5_000, later(2), 7_000)
  await settle(20_000, later(4), 7_200)
  const sessions = new ScreenSessions({ connection: () => ({ connectionString: url }), schema: 'outbox' })
  t.teardown(() => sessions.close())
  const week = new Periods(spans['7 d'])
  const look = () => sessions.read(session => week.read(session, new Date()))
  while ((await look()).length < 84);
  const found = (await look()).filter(each => +at <= each.atMs && each.atMs < +later(6))
  t.match(found.slice(0, 2), [
    { delivered: 300, dead: 150, isEstimate: false },
    { delivered: 3_000, dead: 1_500, isEstimate: true },
  ])
  t.match(found[2], { dead: 6_000, isEstimate: true })
  t.ok(Math.abs((found[2]?.delivered ?? 0) - 12_000) < 1_200, `${found[2]?.delivered} of 12,000`)
  t.match(
    outcomesChart(await look(), '7 d').toString(),
    /aria-current="page">7 d<[\s\S]*aria-label="Outcomes in 2 hours, the last 7 days, delivered: /,
  )
})

t.test('a confirmation asks in its head, and says the same as a command and as SQL', async t => {
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://said.test/?a&b', 'work')`)
  const { rows } = await client.query(`select max(id) as id from outbox.hold`)
  const said = {
    'act=cancel&id=1': 'ringback cancel --id 1',
    'act=hold&url=https://ill.test/&reason=new disk': 'ringback hold https://ill.test/ --reason &#39;new disk&#39;',
    [`act=release&id=${rows[0].id}`]: 'ringback release &#39;https://said.test/?a&#38;b&#39;',
  }
  for (const [query, command] of Object.entries(said)) {
    const { text } = await operator.ask(`/confirm?${encodeURI(query)}`)
    t.match(
      text,
      /<div class="head"><p class="crumb">[\s\S]*<h1>[\s\S]*<form method="post"[\s\S]*<\/form><\/div>\n<div class="body">/,
    )
    t.ok(text.includes(command), command)
    t.match(text, 'As SQL')
  }
})

t.test('an origin fails when its newest attempt has failed: red after ten minutes, amber before', async t => {
  await client.query(`update outbox.callback set status = 'cancelled' where status = 'pending'`)
  /** The overview is kept for a while, so each look has a page of its own. */
  const look = async () => (await (await serve('outbox_reader')).ask('/origins')).text
  const fail = (seconds: number) =>
    client.query(
      `insert into outbox.callback (url, attempts, rev, created_at, claimed_at, due_at, last_error)
       select 'https://ill.test/', 3, 3, at, at, now() + interval '1 min', '503' from (select now() - $1 * interval '1 s' as at) v`,
      [seconds],
    )
  await fail(60)
  t.match(await look(), /<div class="head warn"[\s\S]*Callbacks to https:\/\/ill\.test fail\./)
  await fail(1_200)
  t.match(await look(), /<div class="head bad"[\s\S]*Callbacks to https:\/\/ill\.test fail\./)
  await client.query(`
    insert into outbox.callback (url, status, settled_at, attempts, rev, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
    values ('https://ill.test/', 'delivered', now(), 1, 1, now(), now(), 7, 'delivered', 'a')`)
  t.match(await look(), /<div class="head "[\s\S]*No origin fails\.[\s\S]*data-l="to be tried again">2</)
})

t.test('a URL that fails alone is named, and its origin is well; why callbacks wait is counted', async t => {
  await client.query(`
    insert into outbox.callback (url, ordering_key, attempts, rev, created_at, claimed_at, due_at, last_error)
    select 'https://partly.test/ill?n=' || n, 'partly-' || n % 2, case when n <= 2 then 3 else 0 end, 1, now() - interval '20 min', case when n <= 2 then now() - interval '1 min' end,
           case when n <= 2 then now() + interval '1 min' end, case when n <= 2 then '503' end
      from generate_series(1, 6) n`)
  await client.query(
    `insert into outbox.callback (url, due_at) values ('https://partly.test/later', now() + interval '1 h'), ('https://partly.test/', null)`,
  )
  await client.query(`
    insert into outbox.callback (url, status, settled_at, attempts, rev, last_started_at, last_finished_at, last_epoch, last_outcome, last_relay)
    values ('https://partly.test/well', 'delivered', now(), 1, 1, now(), now(), 7, 'delivered', 'a')`)
  const { ask } = await serve('outbox_reader')
  const { text } = await ask(`/origins/${encodeURIComponent('https://partly.test')}`)
  t.match(
    text,
    /1 URL fails<[\s\S]*Callbacks to https:\/\/<wbr>partly\.test\/<wbr>ill alone fail since [\s\S]* ago: 503\. The other URLs flow\./,
  )
  t.match(text, /Behind their key<\/span><strong>4</)
  t.match(
    text,
    />\/<wbr>ill<[\s\S]*data-l="to be tried again">2<[\s\S]*data-l="waiting">6<[\s\S]*2 other URLs[\s\S]*data-l="waiting">2</,
  )
  const overview = (await ask('/')).text
  t.match(overview, /<small>\/<wbr>ill alone\. Its other URLs flow\.<\/small>/)
  for (const reason of ['Tried again later', 'Behind their key', 'Put off by their producer', 'Go out next'])
    t.match(overview, new RegExp(`<h2>Why [\\s\\S]*<th scope="row" class="nb">${reason}</th>`), reason)
  const { rows } = await client.query(
    `select min(id) as id from outbox.callback where url ^@ 'https://partly.test/ill'`,
  )
  t.match((await ask(`/callbacks/${rows[0].id}`)).text, /ill alone fail since [\s\S]*: 503\./)
  await client.query(
    `update outbox.callback set status = 'cancelled' where url ^@ 'https://partly.test/' and status = 'pending'`,
  )
})

t.test('an empty table is the first run: what is ready and what is next, with and without a relay', async t => {
  const empty = await testDatabase(t)
  const look = async () => {
    const address = await servePage(t, { url: empty.url, role: 'outbox_reader' })
    return (await fetch(`http://${address}/`)).text()
  }
  t.match(
    await look(),
    /<div class="head warn"[\s\S]*No callback yet, and no relay serves\.[\s\S]*<h2>Start a relay<\/h2>[\s\S]*ringback run/,
  )
  await empty.client.query(registered('first'))
  t.match(
    await look(),
    /Everything is ready for the first\.[\s\S]*<h2>A relay serves<\/h2>[\s\S]*first, version 1[\s\S]*INSERT INTO outbox\.callback/,
  )
})

t.test('the overview shows what the doctor has found, once it has looked', async t => {
  const { ask } = await serve('outbox_reader')
  t.match((await ask('/')).text, /It looks for the first time\./)
  await eventually(async () => {
    const { text } = await ask('/')
    assert.match(text, /Doctor: \d+ (fault|warning)[\s\S]*<li class="finding">[\s\S]*See all that it looks at/)
    assert.match(text, /Doctor <i>\d+<span class="vh"> findings?</)
  })
})

t.test('the navigation counts one finding, and several findings', async t => {
  const badge = (findings: readonly unknown[]) =>
    String(
      badgesOf({ figures: { dead: 0 } as Figures, failing: [], holds: [], examined: { diagnosis: { findings } } })
        .doctor,
    )
  t.match(badge([1]), '> finding<')
  t.match(badge([1, 2]), '> findings<')
})

t.test('viewers get at once what was read last, while it is read anew behind them', async t => {
  const { ask } = await serve('outbox_reader')
  const holds = async () => {
    const [, count] = (await ask('/')).text.match(/<span>Holds<\/span><strong>(\d+)/) ?? []
    return Number(count)
  }
  const before = await holds()
  // Who reads the holds waits now.
  await client.query('begin; lock table outbox.hold in access exclusive mode')
  await client.query(`insert into outbox.hold (url_prefix, reason) values ('https://behind.test/', 'work')`)
  await new Promise(resolve => setTimeout(resolve, 2_100))
  t.equal(await holds(), before, 'it is due, and nobody waits')
  await client.query('commit')
  await eventually(async () => assert.equal(await holds(), before + 1))
})

t.test('what is not there is not there, and what is wrong is refused', async t => {
  for (const path of [
    '/nothing',
    '/callbacks/0',
    '/callbacks/999999',
    '/callbacks/x',
    '/callbacks/1/2',
    '/origins/%zz',
    '/confirm?act=drop',
  ])
    t.match(await operator.ask(path), { status: 404, text: /Nothing is here/ }, path)
  t.match(await operator.ask('/', { method: 'PUT' }), { status: 405 })
  t.match(await operator.ask('/', { method: 'HEAD' }), { status: 200, text: '' })
  const long = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' }, body: 'x'.repeat(300_000) }
  t.match(await operator.ask('/act', long), { status: 413 })
  for (const path of ['/ringback.css', '/ringback.js']) t.match(await operator.ask(path), { status: 200, text: /\S/ })
})

t.test('with a password nothing is shown without it', async t => {
  const { ask } = await serve('outbox_reader', 'correct horse battery')
  const basic = (text: string) => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })
  for (const path of ['/', '/ringback.css', '/callbacks/1']) t.match(await ask(path), { status: 401 })
  t.match(await ask('/', basic('me:wrong horse battery!')), { status: 401 })
  t.match(await ask('/'), { headers: { 'www-authenticate': /^Basic / } })
  t.match(await ask('/', basic('me:correct horse battery')), { status: 200 })
})

t.test('a database that is away is said, and that nothing is lost', async t => {
  const sessions = new ScreenSessions({ connection: () => ({ host: '127.0.0.1', port: 1 }), schema: 'outbox' })
  const server = await PageServer.start({
    host: '127.0.0.1',
    port: 0,
    hosts: ['127.0.0.1'],
    password: null,
    page: new Page(sessions),
  })
  const response = await fetch(`http://${server.address}/`)
  t.equal(response.status, 503)
  t.match(await response.text(), /The database does not answer\.[\s\S]*Nothing is lost/)
  await server.close()
})
