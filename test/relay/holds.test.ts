import t from 'tap'
import { Holds } from '../../src/relay/holds.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)

async function hold(prefix: string, isExact = false): Promise<void> {
  await stage.query(`insert into outbox.hold (url_prefix, exact, reason) values ($1, $2, 'test')`, [prefix, isExact])
}

async function letGo(prefix: string): Promise<void> {
  await stage.query('delete from outbox.hold where url_prefix = $1', [prefix])
}

t.afterEach(async () => {
  await stage.query('delete from outbox.hold')
})

t.test('an origin is held when all of it is, however it is spelt, or all of its scheme', async t => {
  const holds = new Holds()
  await hold('https://Whole.test:443/')
  await hold('https://part.test/a')
  await hold('http://')
  t.same([...(await holds.read(stage.session))].sort(), ['http:', 'https://part.test', 'https://whole.test'])
  t.ok(holds.isHeld('https://whole.test'))
  t.notOk(holds.isHeld('https://part.test'), 'its other URLs go on')
  t.notOk(holds.isHeld('https://whole.test:8443'))
  t.ok(holds.isHeld('http://any.test'))
})

t.test('the url of an origin alone, held exactly, does not hold the others', async t => {
  const holds = new Holds()
  await hold('https://one.test/', true)
  await holds.read(stage.session)
  t.notOk(holds.isHeld('https://one.test'))
})

t.test('those are named whose holds have changed: begun, ended, or others', async t => {
  const holds = new Holds()
  t.same(await holds.read(stage.session), [])
  await hold('https://a.test/')
  await hold('https://b.test/')
  t.equal((await holds.read(stage.session)).length, 2)
  t.same(await holds.read(stage.session), [], 'nothing is new')
  await letGo('https://a.test/')
  t.same(await holds.read(stage.session), ['https://a.test'])
  t.notOk(holds.isHeld('https://a.test'))
  t.ok(holds.isHeld('https://b.test'))
  await hold('https://b.test/x')
  t.same(await holds.read(stage.session), ['https://b.test'])
  await letGo('https://b.test/x')
  await hold('https://b.test/y')
  t.same(await holds.read(stage.session), ['https://b.test'], 'one hold for another')
})
