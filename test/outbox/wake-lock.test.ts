import { once } from 'node:events'
import t from 'tap'
import { WakeLock } from '../../src/outbox/wake-lock.ts'
import { Stage } from '../fixtures/stage.ts'

const stage = await Stage.withSession(t)
const peer = new WakeLock(await stage.another())
const lock = new WakeLock(stage.session)

t.test('one relay sleeps on the lock; a peer can tell that, and nobody queues', async t => {
  t.equal(await lock.tryLock(), true)
  t.equal(await peer.tryLock(), false)
  t.equal(await peer.tryShare(), false, 'a peer sleeps')
  await lock.unlock()
  t.equal(await peer.tryShare(), true)
  t.equal(await peer.tryLock(), true)
  await peer.unlock()
  t.equal(await lock.tryShare(), true)
  t.equal(await lock.tryLock(), true, 'a share that was tried is not kept')
  await lock.unlock()
})

t.test('a writer in flight keeps relays awake, and is told from a sleeper', async t => {
  const writer = await stage.database.connect()
  await writer.query('begin')
  await stage.insert({}, writer)
  t.equal(await lock.tryLock(), false)
  t.equal(await lock.tryShare(), true, 'no relay sleeps')
  await writer.query('commit')
  t.equal(await lock.tryLock(), true)
  await lock.unlock()
})

t.test('a writer that is silent in a crowd keeps relays awake, and is asked for', async t => {
  const writers = await Promise.all(Array.from({ length: 17 }, () => stage.database.connect()))
  t.equal(await lock.tryLock(), true)
  for (const [n, writer] of writers.entries()) {
    t.equal(await lock.isCrowded(), n > 15, `after ${n} writers`)
    await writer.query('begin')
    await stage.insert({}, writer)
  }
  const silent = writers.pop()
  for (const writer of writers) await writer.query('commit')
  t.equal(await lock.isCrowded(), true)
  await lock.unlock()
  t.equal(await lock.tryLock(), false)
  t.equal(await lock.tryShare(), true, 'no relay sleeps')
  await silent?.query('commit')
  t.equal(await lock.isCrowded(), false)
  t.equal(await lock.tryLock(), true)
  await lock.unlock()
})

t.test('a writer notifies while a relay sleeps, and is silent while it is awake', async t => {
  const ear = await stage.database.connect()
  await ear.query('listen outbox')
  const heard: string[] = []
  ear.on('notification', ({ channel }) => heard.push(channel))
  await stage.insert()
  await ear.query('select')
  t.same(heard, [])
  await lock.tryLock()
  const notified = once(ear, 'notification')
  await stage.insert()
  await notified
  t.equal(heard.length, 1)
  const told = once(ear, 'notification')
  await lock.unlock()
  await told
  t.equal(heard.length, 2, 'whoever lets the lock go says so: its peers relied on it')
})

t.test('the lock of another schema is another', async t => {
  const other = new WakeLock(await stage.another({ schema: 'elsewhere' }))
  t.equal(await lock.tryLock(), true)
  t.equal(await other.tryLock(), true)
  await lock.unlock()
})
