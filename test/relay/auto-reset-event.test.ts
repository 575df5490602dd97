import t from 'tap'
import { AutoResetEvent } from '../../src/relay/auto-reset-event.ts'

/** Longer than any test may last. */
const never = 1e12

t.test('set, it wakes the waiter', async t => {
  const event = new AutoResetEvent()
  const waited = event.wait(never)
  event.set()
  t.equal(await waited, true)
})

t.test('set while nobody waits, it is remembered, once', async t => {
  const event = new AutoResetEvent()
  event.set()
  event.set()
  t.equal(await event.wait(never), true)
  t.equal(await event.wait(0), false)
})

t.test('not set, the wait ends by itself', async t => {
  t.equal(await new AutoResetEvent().wait(1), false)
})

t.test('set again right after it woke the waiter, it is the same wake: it has not looked yet', async t => {
  const event = new AutoResetEvent()
  const waited = event.wait(never)
  event.set()
  event.set()
  t.equal(await waited, true)
  t.equal(await event.wait(0), false)
})

t.test('set after the waiter has gone on, it is for the next wait', async t => {
  const event = new AutoResetEvent()
  await event.wait(1)
  event.set()
  t.equal(await event.wait(never), true)
})

t.test('a wait that ended by itself leaves nothing behind that a later set could wake', async t => {
  const event = new AutoResetEvent()
  await event.wait(1)
  event.set()
  await event.wait(never)
  const next = event.wait(never)
  event.set()
  t.equal(await next, true)
})
