import fc from 'fast-check'
import t from 'tap'
import { IdSpans } from '../../src/relay/id-spans.ts'

t.test('gaps hold all that was not added and, unless some are read as one, nothing that was', async t => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 40 })), fc.nat({ max: 40 }), fc.nat({ max: 40 }), (added, forgotten, from) => {
      const spans = new IdSpans()
      for (const id of added) spans.add(String(id))
      spans.forget(String(forgotten))
      const after = Math.max(from, forgotten)
      const [few, all] = [spans.gaps(String(after), 3), spans.gaps(String(after), 100)]
      t.ok(few.length <= 3)
      for (let id = after + 1; id <= 50; id += 1) {
        const isIn = (gaps: typeof all) => gaps.filter(gap => Number(gap.after) < id && id <= Number(gap.upTo)).length
        const isNew = added.includes(id) ? 0 : 1
        if (isIn(all) !== isNew || isIn(few) < isNew || isIn(few) > 1) return false
      }
      return true
    }),
  )
})
