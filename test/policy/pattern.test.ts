import fc from 'fast-check'
import t from 'tap'
import { canonicalPattern, patternsOver } from '../../src/policy/pattern.ts'

t.test('a pattern is written as origins are', async t => {
  const texts: [text: string, canonical: string][] = [
    ['*', '*'],
    ['https://crm.example', 'https://crm.example'],
    ['HTTPS://CRM.Example:443', 'https://crm.example'],
    ['https://CRM.example.:443', 'https://crm.example'],
    ['http://crm.example.:8080', 'http://crm.example:8080'],
    ['http://crm.example:443', 'http://crm.example:443'],
    ['http://crm.example:0080', 'http://crm.example'],
    ['https://crm.example:*', 'https://crm.example:*'],
    ['https://*.Partner.example', 'https://*.partner.example'],
    ['https://*.bücher.example:8443', 'https://*.xn--bcher-kva.example:8443'],
    ['https://*.partner.example:*', 'https://*.partner.example:*'],
    ['https://*', 'https://*'],
    ['http://*:8080', 'http://*:8080'],
    ['http://*:*', 'http://*:*'],
    ['http://[2001:DB8:0::1]:8080', 'http://[2001:db8::1]:8080'],
    ['http://[::1]:*', 'http://[::1]:*'],
    ['http://127.1', 'http://127.0.0.1'],
    ['http://localhost', 'http://localhost'],
    ['https://x.example', 'https://x.example'],
  ]
  for (const [text, canonical] of texts) t.equal(canonicalPattern(text), canonical, text)
})

t.test('a canonical pattern is its own', async () => {
  const texts = [
    'https://*.a.example:*',
    'http://*',
    'https://x.x.example',
    'http://[::1]:*',
    'https://*.xn--bcher-kva.a',
  ]
  fc.assert(fc.property(fc.constantFrom(...texts), text => canonicalPattern(text) === text))
})

t.test('what is no pattern is refused', async t => {
  const texts = [
    '',
    'crm.example',
    '*.example',
    'ftp://crm.example',
    'https://',
    'https://:443',
    'https://crm.example/',
    'https://crm.example/hook',
    'https://crm.example?a',
    'https://crm.example#a',
    'https://user@crm.example',
    'https://crm.example\\@evil.example',
    'https://crm.*.example',
    'https://*crm.example',
    'https://**.example',
    'https://*.*.example',
    'https://*.',
    'https://*..example',
    'https://crm.example:99999',
    'https://crm.example:8*',
    'https://crm.example:443:*',
    'https://*.0.0.1',
    'https://*.[::1]',
    'https://[::1',
    'https://crm example',
    'https://crm\n.example',
    '**',
  ]
  for (const text of texts) t.equal(canonicalPattern(text), null, text)
})

t.test('whatever is typed is a canonical pattern or none, and never an error', async () => {
  const pieces = fc.constantFrom(
    'http',
    'https',
    '://',
    '*',
    '.',
    ':',
    '[',
    ']',
    '@',
    '/',
    'a',
    'ü',
    '443',
    '\u0000',
    ' ',
  )
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 10 }), all => {
      const canonical = canonicalPattern(all.join(''))
      return canonical === null || canonicalPattern(canonical) === canonical
    }),
    { numRuns: 5_000 },
  )
})

t.test('the patterns over an origin, the closest first', async t => {
  t.same(
    [...patternsOver('https://a.b.example')],
    [
      'https://a.b.example',
      'https://a.b.example:*',
      'https://*.b.example',
      'https://*.b.example:*',
      'https://*.example',
      'https://*.example:*',
      'https://*',
      'https://*:*',
      '*',
    ],
  )
  t.same(
    [...patternsOver('http://[::1]:8080')],
    ['http://[::1]:8080', 'http://[::1]:*', 'http://*:8080', 'http://*:*', '*'],
  )
  t.same([...patternsOver('*')], ['*'])
  t.same([...patternsOver('https://*.a:*')], ['https://*.a:*', 'https://*.a:*', 'https://*:*', '*'])
})
