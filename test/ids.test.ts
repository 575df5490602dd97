import fc from 'fast-check'
import t from 'tap'
import { compareIds } from '../src/ids.ts'

t.test('ids are compared as the numbers they are, also beyond the exact ones', async () => {
  const id = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
  fc.assert(fc.property(id, id, (a, b) => Math.sign(compareIds(String(a), String(b))) === (a < b ? -1 : a > b ? 1 : 0)))
})
