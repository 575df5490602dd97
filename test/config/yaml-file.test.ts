import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import t from 'tap'
import { type Environment, parse } from '../../src/config/config.ts'
import { File } from './file.ts'

t.test('JSON is read as well', async t => {
  const file = new File(t, '\ufeff{"origins": [{"match": "*", "concurrency": 4, "headers": {"x-a": "1.10"}}]}')
  t.match(file.destinations().of('https://a.example'), { concurrency: 4, headers: ['x-a', '1.10'] })
})

t.test('what rules have in common can be said once', async t => {
  const file = new File(
    t,
    "origins:\n- { match: 'https://a.example', headers: &ours { x-a: b } }\n- { match: '*', headers: *ours }",
  )
  t.same(file.destinations().of('https://c.example').headers, ['x-a', 'b'])
})

t.test('a file that is none, or not of text, is a fault that names it', async t => {
  const latin = new File(t, Buffer.from('caf\xe9', 'latin1'))
  t.match(latin.faults(), [/^--config: expected the path of a readable file of YAML or JSON; got ".* is not UTF-8$/])
  const run = (argv: string[], env: Environment = {}) => parse('run', argv, env)
  const exitCode = 2
  t.throws(() => run(['--config', '.']), { exitCode, message: /got ".", which cannot be read \(EISDIR\)/ })
  t.throws(() => run(['--config=']), { exitCode, message: /--config \(flag\): expected the path .* got nothing/ })
  t.throws(() => run([], { RINGBACK_CONFIG: 'none' }), { exitCode, message: /got "none", which cannot be read/ })
})

t.test('what is not YAML, or more than plain YAML, is a fault with its line and column', async t => {
  const refused: [content: string, faults: string[]][] = [
    ['origins: [\n', ['2:1 Flow sequence in block collection must be sufficiently indented and end with a ]']],
    ['origins:\n- match: a\n  match: b\n', ['3:3 Map keys must be unique']],
    ['origins:\n- match: !!int 5\n', ['2:10 Unresolved tag: tag:yaml.org,2002:int']],
    ['origins: !secret [x]', ['1:10 Unresolved tag: !secret']],
    ['origins: []\n---\norigins: []\n', ['2:1 Source contains multiple documents']],
    ['origins: *none', ['1:10 Alias without an anchor before it']],
    [`origins:\n- &a x\n${'- *a\n'.repeat(101)}`, ['103:3 More than 100 aliases']],
    [
      'origins: [{ constructor: a, headers: { __proto__: b } }]',
      ['1:13 Name that JavaScript reserves', '1:40 Name that JavaScript reserves'],
    ],
    ['? [a]\n: b', ['1:3 With stringKeys, all keys must be strings']],
  ]
  for (const [content, faults] of refused) {
    const found = new File(t, content).faults()
    t.same(
      found.map(fault => fault.replace('cannot be read as YAML: ', '')),
      faults,
      content.slice(0, 60),
    )
  }
})

t.test('a file nested too deeply is a fault like others', async t => {
  const [fault] = new File(t, `origins: ${'['.repeat(9_000)}${']'.repeat(9_000)}`).faults()
  t.match(fault, /^1:\d+ cannot be read as YAML: Nested too deeply$/)
})

t.test('five faults of the form are listed, and the number of the others', async t => {
  const faults = new File(t, 'origins:\n- a: !x\n  b: !x\n  c: !x\n  d: !x\n  e: !x\n  f: !x\n  g: !x\n').faults()
  t.equal(faults.length, 6)
  t.match(faults[5], /: 2 more of this kind$/)
})

t.test('an alias inside its own anchor does no harm', async t => {
  t.match(new File(t, 'origins: &a [*a]').faults(), [/^1:14 origins\[0\]: expected a rule.* got a list$/])
})

t.test('a fault of the form does not repeat what stands in the file', async t => {
  const contents = [
    'a: b: hunter2',
    '- x\nhunter2 : ]\n%hunter2',
    'a: "x\n hunter2',
    'a: |x hunter2',
    '"a" hunter2: {',
    '@hunter2',
  ]
  for (const content of contents) {
    const faults = new File(t, content).faults()
    t.ok(faults.length > 0, content)
    t.notMatch(faults.join(), 'hunter2', content)
  }
})

t.test('whatever stands in the file ends in settings or in faults of one line, never in another error', async t => {
  const pieces = fc.constantFrom(
    ...[
      'origins:',
      'match:',
      'headers:',
      'breaker:',
      ' ',
      '\n',
      '\n  ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '&a ',
      '*a',
      '!t ',
      '"',
      "'",
      '|',
      '#',
    ],
    ...['?', '%', '~', 'x', '5s', '50/s', '\u0000', '\t', '---\n', '<<: ', "'*'"],
  )
  const file = new File(t, '')
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 30 }), all => {
      writeFileSync(file.path, `origins: ${all.join('')}`)
      return file.faults().every(fault => !fault.includes('\n'))
    }),
    { numRuns: 500 },
  )
})
