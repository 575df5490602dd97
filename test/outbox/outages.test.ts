import t from 'tap'
import { readOutages } from '../../src/outbox/outages.ts'
import { hashtext } from '../fixtures/hashtext.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
t.beforeEach(async () => {
  await stage.query('truncate outbox.callback, outbox.hold')
})

/** It failed the last time so many seconds ago, and waits. */
async function failed(url: string, attempts: number, agoS: number): Promise<string> {
  const id = await stage.insert({ url })
  const waits = `claimed_at = now() - ${agoS} * interval '1 s', due_at = now() + interval '9 min'`
  await stage.force(id, `attempts = ${attempts}, ${waits}`)
  return id
}

async function delivered(url: string, agoS: number): Promise<void> {
  const settled = `settled_at = now() - ${agoS} * interval '1 s'`
  await stage.force(await stage.insert({ url }), `status = 'delivered', attempts = 1, ${settled}`)
}

/** Attempts, and whether something was delivered, by place. */
async function found(): Promise<Record<string, [number, boolean]>> {
  const outages = await readOutages(stage.session)
  const names = new Map(['/a', '/b'].map(path => [hashtext(`https://r.test${path}`), path]))
  return Object.fromEntries(
    outages.map(({ origin, urlHash, attempts, deliveredMsAgo }) => {
      const place = urlHash === null ? origin : (names.get(urlHash) ?? 'another')
      return [place, [attempts, deliveredMsAgo !== null]]
    }),
  )
}

t.test('attempts count that failed since the last delivery, at an origin and at each URL of it', async t => {
  await failed('https://r.test/a?x=1', 3, 100)
  await failed('https://r.test/a', 2, 20)
  await failed('https://r.test/b', 4, 60)
  t.same(await found(), { 'https://r.test': [9, false], '/a': [5, false], '/b': [4, false] })
  await delivered('https://r.test/b', 50)
  t.same(await found(), { 'https://r.test': [2, true], '/a': [5, false] })
  const [ofOrigin] = (await readOutages(stage.session)).filter(({ urlHash }) => urlHash === null)
  t.ok(Math.abs((ofOrigin?.deliveredMsAgo ?? 0) - 50_000) < 20_000)
  await delivered('https://r.test/a', 10)
  t.same(await found(), {})
})

t.test('what is replayed, on hold, claimed or was never tried is no failure', async t => {
  const [replayed, claimed] = [await failed('https://r.test/a', 3, 10), await failed('https://r.test/a', 3, 10)]
  await stage.force(replayed, 'budget_from = attempts')
  await stage.force(claimed, `status = 'claimed', claimed_epoch = 1`)
  await stage.insert({ url: 'https://r.test/a', due_at: new Date(Date.now() + 60_000) })
  await failed('https://held.test/', 3, 10)
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://held.test/', 'test')`)
  t.same(await found(), {})
})

t.test('those with most attempts come first, a hundred at most', async t => {
  await stage.query(`
    insert into outbox.callback (url, attempts, claimed_at, due_at, rev)
    select 'https://r' || n % 200 || '.test/', n % 200 + 1, now(), now() + interval '9 min', 1 from generate_series(1, 3000) n`)
  const outages = await readOutages(stage.session)
  t.equal(outages.length, 100)
  t.match(outages[0], { origin: 'https://r199.test' })
})
