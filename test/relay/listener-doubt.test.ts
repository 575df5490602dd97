import t from 'tap'
import { ListenerDoubt } from '../../src/relay/listener-doubt.ts'

function looksUntilDoubt(doubt: ListenerDoubt): number {
  let looks = 1
  while (!doubt.found()) looks += 1
  return looks
}

t.test('a notification that comes a moment after its row is no reason to doubt', async t => {
  const doubt = new ListenerDoubt()
  for (let n = 0; n < 100; n += 1) {
    t.equal(doubt.found(), false)
    doubt.heard()
  }
})

t.test('inserts whose trigger does not fire do not make the relay rebuild its listener again and again', async t => {
  const doubt = new ListenerDoubt()
  const looks = Array.from({ length: 8 }, () => looksUntilDoubt(doubt))
  t.strictSame(looks, [2, 4, 8, 16, 32, 64, 64, 64])
})
