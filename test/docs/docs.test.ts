import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { parse } from '../../src/config/config.ts'
import { responseRules } from '../../src/policy/answers.ts'
import { ca, client, proxy } from '../fixtures/tls.ts'
import { madeFiles, parts, renewed } from './parts.ts'

const root = new URL('../../', import.meta.url)
const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', ...markdownOf('docs')]

function markdownOf(folder: string): string[] {
  const files = readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
  return files.filter(file => file.endsWith('.md')).map(file => `${folder}/${file}`)
}

t.test('what is made from the code and from saved results is up to date: make docs', async t => {
  for (const part of parts) {
    const page = read(`docs/${part.file}`)
    t.ok(renewed(page, part) === page, `docs/${part.file}, ${part.name}`)
  }
  for (const { file, text } of madeFiles) t.ok(read(file) === text(), file)
})

t.test('every link leads to a file, and to a heading of it', async t => {
  for (const page of pages)
    for (const [, to = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(to)) continue
      const [path = '', heading] = to.split('#')
      const file = path === '' ? page : join(dirname(page), path)
      t.ok(existsSync(new URL(file, root)), `${page}: ${to}`)
      if (heading !== undefined) t.ok(headingsOf(read(file)).includes(heading), `${page}: ${to}`)
    }
})

/** As GitHub names them. */
function headingsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
}

t.test('every file that the architecture names is there, and so is what it names in it', async t => {
  const named = read('docs/understand/architecture.md').matchAll(/`((?:[\w-]+\/)+[\w-]+\.(?:ts|sql))`(?:, `([^`]+)`)?/g)
  let count = 0
  for (const [, file = '', name = ''] of named) {
    count += 1
    const path = /^(sql|test|docs)\//.test(file) ? file : `src/${file}`
    t.ok(existsSync(new URL(path, root)), file)
    if (existsSync(new URL(path, root))) t.ok(read(path).includes(name.replace(/\(\)$/, '')), `${file}: ${name}`)
  }
  t.ok(count > 15)
})

t.test('ten questions lead to a function by way of a folder and a file', async t => {
  const [, section = ''] = /^## Ten questions\n(.*?)^## /ms.exec(read('docs/understand/architecture.md')) ?? []
  const answers = [...section.matchAll(/^\| .+? \| `([\w/]+)`.*? \| `([\w/-]+)\/[\w-]+\.ts`, `[#\w]+` \|$/gm)]
  t.equal(answers.length, 10)
  for (const [, folder, of] of answers) t.equal(of, folder)
})

t.test('the README can be read in one sitting', async t => {
  t.ok(read('README.md').split('\n').length <= 250)
})

const settings = read('docs/operate/settings.md')

/** The block of the page in this language that has this word. */
function block(language: string, word: string): string {
  const blocks = [...settings.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, of]) => of === language)
  return blocks.map(([, , text = '']) => text).find(text => text.includes(word)) ?? ''
}

t.test('the settings for one receiver are read as the page says', async t => {
  const text = block('yaml', 'origins:')
  const folder = t.testdir({
    'crm-token': 'Bearer s3cret\n',
    'crm.key': `whsec_${Buffer.alloc(32, 7).toString('base64')}\n`,
    'ringback.yaml': text,
  })
  for (const name of ['crm-token', 'crm.key']) chmodSync(join(folder, name), 0o600)
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  const { signingKeys, ...settings } = destinations.of('https://crm.example')
  t.same(
    signingKeys.map(key => key.export()),
    [Buffer.alloc(32, 7)],
  )
  t.same(settings, {
    concurrency: 4,
    growsTo: 4,
    ratePerSecond: 50,
    deadlineMs: 5_000,
    maxAttempts: 20,
    breaker: { failures: 5, pauseMs: 30_000 },
    body: 'json',
    headers: ['authorization', 'Bearer s3cret', 'x-tenant', 'scheduler'],
    retry: [404, 409],
    success: { statuses: [], body: { pointer: '/code', equals: ['0'] }, mismatch: 'failed' },
    unknown: 'hold',
    tls: null,
    proxy: { url: new URL('http://proxy.example:3128'), authorization: null, tls: null },
  })
  t.match(destinations.of('https://eu.partner.example'), { concurrency: 2, ratePerSecond: null })
  t.match(destinations.of('https://crm.example:8443'), { concurrency: 16, ratePerSecond: 10, headers: [] })
})

t.test('what counts as delivered is read as the page says', async t => {
  const folder = t.testdir({ 'ringback.yaml': block('yaml', 'mismatch:') })
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  const body = { pointer: '/code', equals: ['0', '200'] }
  t.same(destinations.of('https://inner.example').success, { statuses: [200, 202], body, mismatch: 'rejected' })
})

t.test('a status that the table names is judged by that line', async t => {
  for (const rule of responseRules)
    for (const [, first, last] of rule.answer.matchAll(/(\d)(\d\d|xx)/g)) {
      const statuses = last === 'xx' ? [`${first}00`, `${first}99`] : [`${first}${last}`]
      for (const status of statuses) {
        const holds = responseRules.find(({ statuses }) => statuses.some(([a, b]) => a <= +status && +status <= b))
        t.equal(holds, rule, status)
      }
    }
})

t.test('the settings of TLS are read as the page says', async t => {
  const files = { 'internal-ca.pem': ca, 'client.pem': client.cert, 'client.key': client.key }
  const folder = t.testdir({ ...files, 'ringback.yaml': block('yaml', 'min-version:') })
  chmodSync(join(folder, 'client.key'), 0o600)
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  t.not(destinations.of('https://a.internal.example').tls, null)
})

t.test('a proxy is read as the page says', async t => {
  const files = { 'proxy-token': 'Basic cmluZ2JhY2s6czNjcmV0', 'proxy-ca.pem': proxy.cert }
  const folder = t.testdir({ ...files, 'ringback.yaml': block('yaml', 'proxy-token') })
  chmodSync(join(folder, 'proxy-token'), 0o600)
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  t.match(destinations.of('https://eu.partner.example').proxy, {
    url: new URL('https://proxy.example:3129'),
    authorization: files['proxy-token'],
    tls: {},
  })
})
