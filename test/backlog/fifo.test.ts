import t from 'tap'
import { Fifo } from '../../src/backlog/fifo.ts'

t.test('any item may leave before its turn', async t => {
  const list = new Fifo<number>()
  const seats = [0, 1, 2, 3].map(n => list.push(n))
  for (const seat of [seats[1], seats[0], seats[3]]) if (seat) list.remove(seat)
  t.same([...list], [2])
  list.push(4)
  t.same([...list], [2, 4])
  t.equal(list.size, 2)
})

t.test('a seat that has left keeps none of its neighbours alive', async t => {
  const list = new Fifo<number>()
  const seats = [0, 1, 2].map(n => list.push(n))
  for (const seat of seats) {
    list.remove(seat)
    t.same({ ...seat, item: null }, { item: null, previous: undefined, next: undefined })
  }
})
