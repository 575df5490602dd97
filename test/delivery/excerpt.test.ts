import fc from 'fast-check'
import t from 'tap'
import { Excerpt } from '../../src/delivery/excerpt.ts'

function excerptOf(limit: number, chunks: readonly Uint8Array[]): string | null {
  const excerpt = new Excerpt(limit)
  for (const chunk of chunks) excerpt.add(Buffer.from(chunk))
  return excerpt.text()
}

t.test('no body is null, not an empty text', async t => {
  t.equal(excerptOf(10, []), null)
  t.equal(excerptOf(0, [Buffer.from('x')]), null)
})

t.test('a character cut in two by the limit is left out; one that arrives in two chunks is whole', async t => {
  const bytes = Buffer.from('aé😀')
  t.equal(excerptOf(2, [bytes]), 'a')
  t.equal(excerptOf(6, [bytes]), 'aé')
  t.equal(excerptOf(100, [bytes.subarray(0, 2), bytes.subarray(2, 5), bytes.subarray(5)]), 'aé😀')
})

t.test('however the body is cut into chunks, the excerpt is the beginning of its text', async () => {
  const text = fc.string({ unit: 'binary', minLength: 1 })
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 7 }), (body, limit, step) => {
      const bytes = Buffer.from(body)
      const chunks = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) =>
        bytes.subarray(i * step, (i + 1) * step),
      )
      const excerpt = excerptOf(limit, chunks) ?? ''
      return body.replaceAll('\0', '').startsWith(excerpt) && Buffer.byteLength(excerpt) <= limit
    }),
  )
})

t.test('any bytes become text without NUL', async () => {
  fc.assert(
    fc.property(fc.uint8Array(), bytes => {
      const text = excerptOf(64, [bytes])
      return text === null || !text.includes('\0')
    }),
  )
})
