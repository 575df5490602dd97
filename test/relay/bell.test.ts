import t from 'tap'
import { Bell } from '../../src/relay/bell.ts'

/** Longer than any test may last. */
const never = 1e12

t.test('a ring wakes the waiter', async t => {
  const bell = new Bell()
  const waited = bell.wait(never)
  bell.ring()
  t.equal(await waited, true)
})

t.test('a ring while nobody waits is remembered, once', async t => {
  const bell = new Bell()
  bell.ring()
  bell.ring()
  t.equal(await bell.wait(never), true)
  t.equal(await bell.wait(0), false)
})

t.test('without a ring the wait ends by itself', async t => {
  t.equal(await new Bell().wait(1), false)
})

t.test('a ring right after the one that woke the waiter is part of it: it has not looked yet', async t => {
  const bell = new Bell()
  const waited = bell.wait(never)
  bell.ring()
  bell.ring()
  t.equal(await waited, true)
  t.equal(await bell.wait(0), false)
})

t.test('a ring after the waiter has gone on is for the next wait', async t => {
  const bell = new Bell()
  await bell.wait(1)
  bell.ring()
  t.equal(await bell.wait(never), true)
})

t.test('a wait that ended by itself leaves nothing behind that a later ring could wake', async t => {
  const bell = new Bell()
  await bell.wait(1)
  bell.ring()
  await bell.wait(never)
  const next = bell.wait(never)
  bell.ring()
  t.equal(await next, true)
})
