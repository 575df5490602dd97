import t from 'tap'
import { traceContextOf } from '../src/trace-context.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'
const spanId = 'b7ad6b7169203331'

t.test('what W3C Trace Context takes for valid', async t => {
  const context = { traceId, spanId, flags: 1 }
  t.same(traceContextOf(`00-${traceId}-${spanId}-01`), context)
  t.same(traceContextOf(`cc-${traceId}-${spanId}-01`), context)
  t.same(traceContextOf(`cc-${traceId}-${spanId}-01-what-the-future-will-be-like`), context)
})

t.test('what it wants ignored', async t => {
  for (const text of [
    '',
    'b3-of-old',
    `ff-${traceId}-${spanId}-01`,
    `00-${'0'.repeat(32)}-${spanId}-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `cc-${traceId}-${spanId}-01.more`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01\n`,
    `00-${traceId}-${spanId}-01\r\nx-evil: 1`,
  ])
    t.equal(traceContextOf(text), null, JSON.stringify(text))
})
