import t from 'tap'
import { Holdings } from '../../src/relay/holdings.ts'

function holding(...lanes: number[]): Holdings {
  const holdings = new Holdings()
  holdings.add(lanes.map(lane => ({ lane, epoch: String(lane * 10) })))
  return holdings
}

t.test('what was taken is held with its epoch, until it is removed', async t => {
  const holdings = holding(1, 2, 3)
  holdings.remove([2, 9])
  t.equal(holdings.size, 2)
  t.same(holdings.lanes, [1, 3])
  t.same(holdings.owned, [
    { lane: 1, epoch: '10' },
    { lane: 3, epoch: '30' },
  ])
  t.equal(holdings.epochOf(2), undefined)
})

t.test('a lane that is taken again has the new epoch', async t => {
  const holdings = holding(1)
  const since = holdings.ownedSince(1)
  holdings.add([{ lane: 1, epoch: '11' }])
  t.equal(holdings.epochOf(1), '11')
  t.ok(holdings.ownedSince(1) > since)
  t.ok(Number.isNaN(holdings.ownedSince(2)))
  t.equal(holdings.size, 1)
})

t.test('a lane that drains is still owned, but starts nothing', async t => {
  const holdings = holding(1, 2)
  holdings.drain([1])
  t.notOk(holdings.serves(1))
  t.ok(holdings.serves(2))
  t.notOk(holdings.serves(3))
  t.same(holdings.among([1]), [{ lane: 1, epoch: '10' }], 'what it has sent is still recorded')
})

t.test('who drains others now serves the first ones again', async t => {
  const holdings = holding(1, 2)
  holdings.drain([1])
  holdings.drain([2])
  t.ok(holdings.serves(1))
  t.notOk(holdings.serves(2))
  holdings.drain([])
  t.ok(holdings.serves(2))
})

t.test('a drained lane that comes back serves', async t => {
  const holdings = holding(1)
  holdings.drain([1])
  holdings.remove([1])
  holdings.add([{ lane: 1, epoch: '12' }])
  t.ok(holdings.serves(1))
})

t.test('of any lanes those owned are told, each once', async t => {
  t.same(holding(1, 2).among([2, 7, 2, 1]), [
    { lane: 2, epoch: '20' },
    { lane: 1, epoch: '10' },
  ])
})
