import t from 'tap'
import { idEnd } from '../../src/ids.ts'
import { type Claimable, claimFresh } from '../../src/outbox/claim-fresh.ts'
import { readFresh } from '../../src/outbox/tip.ts'
import { type Columns, Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const epoch = await stage.register()

t.beforeEach(async () => {
  await stage.query('truncate outbox.callback restart identity cascade')
  await stage.query('delete from outbox.hold')
})

const calm: Claimable = { most: 3, except: [], several: [] }
const all = [{ after: '0', upTo: idEnd }]
const read = (which: Partial<Claimable> = {}, gaps = all, under = epoch) =>
  claimFresh(stage.session, under, gaps, 100, { ...calm, ...which })

/** Ids of the rows that a read claims. */
async function claimed(which: Partial<Claimable> = {}, gaps = all, under = epoch): Promise<string[]> {
  return (await read(which, gaps, under)).claims.map(({ id }) => id)
}

/** One row for each of these origins. */
async function inserted(origins: readonly string[], columns: Columns = {}): Promise<string[]> {
  const ids: string[] = []
  for (const origin of origins) ids.push(await stage.insert({ url: `https://${origin}.test/a`, ...columns }))
  return ids
}

t.test('new rows are shown as they are claimed, with all that a POST needs', async t => {
  const form = '{"z":9007199254740993,  "2":"b"}'
  const id = await stage.insert({ form, ordering_key: 'k', max_attempts: 7, url: 'HTTPS://A.test:443/x?y' })
  const { rows, claims, isFull, lastId } = await read()
  const both = { id, orderingKey: 'k', origin: 'https://a.test', dueUs: null, rev: 1, maxAttempts: 7 }
  t.match(rows, [{ ...both, standing: 'claimed here', tried: 0 }])
  t.match(claims, [{ ...both, attempt: 1, epoch, form, url: 'HTTPS://A.test:443/x?y', attemptOfBudget: 1 }])
  t.match(claims, [{ traceparent: null, expiresInMs: null, messageId: /^[0-9a-f-]{36}$/ }])
  t.equal(claims[0]?.urlHash, rows[0]?.urlHash)
  t.match({ isFull, lastId }, { isFull: false, lastId: id })
  t.match(await stage.row(id), { status: 'claimed', attempts: 1, rev: '1', claimed_epoch: epoch })
})

t.test('it reads as the read that claims nothing does', async t => {
  await inserted(['a', 'a', 'b', 'c', 'd', 'e'])
  const gaps = [
    { after: '0', upTo: '2' },
    { after: '3', upTo: idEnd },
  ]
  for (const limit of [1, 2, 100]) {
    const plain = await readFresh(stage.session, epoch, gaps, limit)
    const { rows, claims, ...page } = await claimFresh(stage.session, epoch, gaps, limit, { ...calm, most: 1 })
    t.same(claims, [])
    t.match({ ...page, rows }, plain, `at most ${limit}`)
  }
  t.match(await read({}, []), { rows: [], claims: [], isFull: false, lastId: '6' })
})

t.test('all that it reads is claimed, or nothing: no row waits for the commit of others', async t => {
  const [a = '', b = ''] = await inserted(['a', 'b'])
  t.same(await claimed({ most: 1 }), [], 'too many rows')
  t.same(await claimed({ except: ['https://b.test'] }), [], 'one must wait')
  t.same(await claimed({ except: ['https://a.test', 'https://c.test'] }), [])
  t.same(await claimed({ most: 2, except: ['https://c.test'] }), [a, b])
  const same = await inserted(['c', 'c'])
  t.same(await claimed({}, [{ after: b, upTo: idEnd }]), [], 'two of one origin')
  t.same(await claimed({ several: ['https://a.test'] }, [{ after: b, upTo: idEnd }]), [], 'another may have several')
  t.same(await claimed({}, [{ after: same[0] ?? '', upTo: idEnd }]), [same[1]])
  const more = await inserted(['c', 'd', 'c'])
  const rest = [{ after: same[1] ?? '', upTo: idEnd }]
  t.same(await claimed({ most: 2, several: ['https://c.test'] }, rest), [], 'too many all the same')
  t.same(await claimed({ several: ['https://c.test'] }, rest), more)
})

t.test('the rules of a claim hold', async t => {
  const [locked = ''] = await inserted(['a'])
  const open = await stage.database.connect()
  await open.query('begin')
  await open.query('select from outbox.callback where id = $1 for update', [locked])
  t.same(await claimed(), [], 'it does not wait for a lock')
  await open.query('rollback')
  t.same(await claimed({}, all, '2'), [], 'under a registration that stands')
  t.same(await claimed(), [locked])
  const rest = [{ after: locked, upTo: idEnd }]
  const [first = ''] = await inserted(['a'], { ordering_key: 'k' })
  const [second = ''] = await inserted(['b'], { ordering_key: 'k' })
  t.same(await claimed({}, rest), [first], 'only the first of its key')
  const [old = ''] = await inserted(['c'], { ordering_key: 's', supersede_key: 's' })
  await inserted(['d'], { ordering_key: 's', supersede_key: 's' })
  t.same(await claimed({}, [{ after: second, upTo: old }]), [], 'not what a newer one supersedes')
  const [held = ''] = await inserted(['e'])
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://e.test/', 'test')`)
  t.same(await claimed({}, [{ after: String(Number(held) - 1), upTo: held }]), [], 'not what is held')
  const [late = ''] = await inserted(['f'], { expires_at: 'yesterday' })
  t.same(await claimed({}, [{ after: String(Number(late) - 1), upTo: late }]), [], 'nor what has expired')
})

t.test('without a row to claim it writes nothing, and has nothing to commit', async t => {
  await inserted(['a', 'a'])
  await stage.session.run('begin')
  await read()
  await read({}, [])
  const [none] = await stage.session.rows({ name: '', text: 'select pg_current_xact_id_if_assigned()::text as id' })
  t.same(none, { id: null })
  await stage.session.run('rollback')
})
