import t from 'tap'
import { claim } from '../../src/outbox/claim.ts'
import { look } from '../../src/outbox/look.ts'
import { supersede } from '../../src/outbox/settle.ts'
import { Stage } from '../fixtures/stage.ts'

const keyed = (supersede_key: string | null, more = {}) => ({ ordering_key: 'k', supersede_key, ...more })

t.test(
  'of the waiting rows of a key with one supersede_key only the newest is claimed; the older are cancelled',
  async t => {
    const stage = await Stage.withSession(t)
    const epoch = await stage.register()
    const ids: string[] = []
    for (const name of ['progress', 'progress', 'done', 'progress', 'progress'])
      ids.push(await stage.insert(keyed(name)))
    const [first = '', second = '', done = '', , last = ''] = ids
    t.same(await claim(stage.session, epoch, ids), [])
    t.match(await look(stage.session, epoch, [first]), [{ isSuperseded: true, first: null }])
    const ended = await supersede(stage.session, epoch, [first], 1_000)
    t.match(ended, [
      { id: first, next: null },
      { id: second, orderingKey: 'k', next: { id: done, standing: 'due' } },
    ])
    t.match(await stage.row(first), { status: 'cancelled', attempts: 0, last_error: `superseded by ${last}` })
    t.match(await stage.row(second), { status: 'cancelled', last_error: `superseded by ${last}` })
    t.match(await stage.row(ids[3] ?? ''), { status: 'pending' }, 'its turn has not come')
    t.match(await claim(stage.session, epoch, [done]), [{ id: done }])
  },
)

t.test('tried or not, due or not, held or not', async t => {
  const stage = await Stage.withSession(t)
  const epoch = await stage.register()
  const first = await stage.insert(keyed('p', { due_at: new Date(Date.now() + 3_600_000) }))
  await stage.query(`insert into outbox.hold (url_prefix, reason) values ('https://receiver.test/', 'x')`)
  const newest = await stage.insert(keyed('p', { url: 'https://other.test/' }))
  t.match(await look(stage.session, epoch, [newest]), [{ first: { id: first, standing: 'due' } }])
  t.match(await supersede(stage.session, epoch, [first], 1_000), [{ id: first, next: { id: newest } }])
  t.match(await claim(stage.session, epoch, [newest]), [{ id: newest }])
})

t.test('a row that is claimed is not superseded, nor what stands behind it', async t => {
  const stage = await Stage.withSession(t)
  const epoch = await stage.register()
  const first = await stage.insert(keyed('p'))
  await claim(stage.session, epoch, [first])
  await stage.insert(keyed('p'))
  await stage.insert(keyed('p'))
  t.same(await supersede(stage.session, epoch, [first], 1_000), [])
  t.match(await stage.row(first), { status: 'claimed' })
})

t.test('other keys and other supersede keys are let alone; without a registration nothing is', async t => {
  const stage = await Stage.withSession(t)
  const epoch = await stage.register()
  const first = await stage.insert(keyed('p'))
  await stage.insert(keyed('p', { ordering_key: 'other' }))
  await stage.insert(keyed('q'))
  await stage.insert(keyed(null))
  t.match(await claim(stage.session, epoch, [first]), [{ id: first }])
  const old = await stage.insert(keyed('p', { ordering_key: 'third' }))
  await stage.insert(keyed('p', { ordering_key: 'third' }))
  t.same(await supersede(stage.session, '4711', [old], 1_000), [])
  t.match(await stage.row(old), { status: 'pending' })
})

t.test('a supersede_key needs an ordering_key, and has at most 512 bytes', async t => {
  const stage = await Stage.open(t)
  await t.rejects(stage.insert({ supersede_key: 'p' }), { message: 'supersede_key p is given without ordering_key' })
  await t.rejects(stage.insert(keyed('x'.repeat(513))), { message: /^supersede_key has 513 bytes/ })
})
