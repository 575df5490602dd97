import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from '../src/config/config.ts'
import { logFields } from '../src/log/log.ts'
import { callbackRules, type ResponseRule, receiverRules, responseRules } from '../src/policy/answers.ts'
import { ca, client, proxy } from './fixtures/tls.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The block of the README in this language that has this word. */
function block(language: string, word: string): string {
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, of]) => of === language)
  return blocks.map(([, , text = '']) => text).find(text => text.includes(word)) ?? ''
}

t.test('the settings for one receiver are read as the README says', async t => {
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
    ratePerSecond: 50,
    deadlineMs: 5_000,
    maxAttempts: 20,
    breaker: { failures: 5, pauseMs: 30_000 },
    headers: ['authorization', 'Bearer s3cret', 'x-tenant', 'scheduler'],
    retry: [404, 409],
    unknown: 'hold',
    tls: null,
    proxy: { url: new URL('http://proxy.example:3128'), authorization: null, tls: null },
  })
  t.match(destinations.of('https://eu.partner.example'), { concurrency: 2, ratePerSecond: null })
  t.match(destinations.of('https://crm.example:8443'), { concurrency: 16, ratePerSecond: 10, headers: [] })
})

/** The lines of the table whose head begins so. */
function tableOf(head: string): string[] {
  const [, table = ''] = new RegExp(`^\\| ${head} \\| .*\n\\| --- .*\n((?:\\|.*\n)+)`, 'm').exec(readme) ?? []
  return table.trimEnd().split('\n')
}

t.test('the table of answers is the one that the relay goes by', async t => {
  t.same(tableOf('answer'), responseRules.map(line))
})

t.test('and so is the table of what is done for a receiver', async t => {
  const breaker = {
    success: 'a success',
    failure: 'a failure',
    'failure if alone': 'a failure, unless another attempt was answered meanwhile',
  }
  const delayed = { callback: 'this callback', receiver: 'every callback for the receiver' }
  const lines = Object.entries(receiverRules).map(
    ([receiver, { window, breaker: counts, retryAfter }]) =>
      `| ${receiver} | ${window} | ${breaker[counts]} | ${retryAfter === null ? '' : delayed[retryAfter]} |`,
  )
  t.same(tableOf('a receiver that is'), lines)
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

/** A rule as the README has it. */
function line({ answer, outcome, holdsUrl, receiver }: ResponseRule): string {
  const words = { delivered: 'delivered', retried: 'tried again', dead: 'dead' }
  const callback = `${words[callbackRules[outcome]]}${holdsUrl ? ', and its URL on hold' : ''}`
  return `| ${answer} | \`${outcome}\` | ${callback} |${receiver === null ? '' : ` ${receiver}`} |`
}

t.test('the fields of log lines are those that the README lists', async t => {
  const [, list = ''] = /a line has only fields of this list: (.*?)\./s.exec(readme) ?? []
  t.same(
    [...list.matchAll(/`(\w+)`/g)].map(([, field]) => field),
    logFields,
  )
})

t.test('the settings of TLS are read as the README says', async t => {
  const files = { 'internal-ca.pem': ca, 'client.pem': client.cert, 'client.key': client.key }
  const folder = t.testdir({ ...files, 'ringback.yaml': block('yaml', 'min-version:') })
  chmodSync(join(folder, 'client.key'), 0o600)
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  t.not(destinations.of('https://a.internal.example').tls, null)
})

t.test('a proxy is read as the README says', async t => {
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
