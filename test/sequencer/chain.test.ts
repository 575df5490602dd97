import fc from 'fast-check'
import t from 'tap'
import { Chain, type Link } from '../../src/sequencer/chain.ts'

const step = fc.record({ do: fc.constantFrom('push', 'insert', 'remove', 'shift'), place: fc.nat({ max: 99 }) })

t.test('it is what an array would be', async () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), steps => {
      const chain = new Chain<number>()
      const links: Link<number>[] = []
      steps.forEach(({ do: what, place }, n) => {
        const at = place % (links.length + 1)
        if (what === 'push') links.push(chain.push(n))
        else if (what === 'insert') links.splice(at, 0, chain.insertAfter(links[at - 1], n))
        else if (what === 'remove') for (const link of links.splice(at, 1)) chain.remove(link)
        else if (chain.shift() !== links.shift()?.item) throw new Error('not the first was shifted')
      })
      const items = links.map(({ item }) => item)
      return (
        chain.size === items.length &&
        `${forward(chain)}` === `${items}` &&
        `${backward(chain)}` === `${items.reverse()}`
      )
    }),
  )
})

function forward(chain: Chain<number>): number[] {
  const items: number[] = []
  for (let link = chain.first; link; link = link.next) items.push(link.item)
  return items
}

function backward(chain: Chain<number>): number[] {
  const items: number[] = []
  for (let link = chain.last; link; link = link.previous) items.push(link.item)
  return items
}
