import t from 'tap'
import { BoundedMap } from '../src/bounded-map.ts'

t.test('the entry that was set longest ago is forgotten', async t => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1).set('b', 2).set('a', 3).set('c', 4)
  t.same(
    [...map],
    [
      ['a', 3],
      ['c', 4],
    ],
  )
})

t.test('an undefined key is forgotten like any other', async t => {
  const map = new BoundedMap<string | undefined, number>(1)
  map.set(undefined, 1).set('a', 2)
  t.same([...map.keys()], ['a'])
})
