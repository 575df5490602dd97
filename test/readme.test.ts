import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from '../src/config.ts'
import { ca, client } from './fixtures/tls.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

/** The block of the README in this language that has this word. */
function block(language: string, word: string): string {
  const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter(([, of]) => of === language)
  return blocks.map(([, , text = '']) => text).find(text => text.includes(word)) ?? ''
}

t.test('the settings for one receiver are read as the README says', async t => {
  const text = block('yaml', 'origins:')
  const folder = t.testdir({ 'crm-token': 'Bearer s3cret\n', 'ringback.yaml': text.replace('/run/secrets/', '') })
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  t.same(destinations.of('https://crm.example'), {
    concurrency: 4,
    ratePerSecond: 50,
    deadlineMs: 5_000,
    breaker: { failures: 5, pauseMs: 30_000 },
    headers: ['authorization', 'Bearer s3cret', 'x-tenant', 'scheduler'],
    tls: null,
  })
  t.match(destinations.of('https://eu.partner.example'), { concurrency: 2, ratePerSecond: null })
  t.match(destinations.of('https://crm.example:8443'), { concurrency: 16, ratePerSecond: 10, headers: [] })
})

t.test('the settings of TLS are read as the README says', async t => {
  const files = { 'internal-ca.pem': ca, 'client.pem': client.cert, 'client.key': client.key }
  const folder = t.testdir({ ...files, 'ringback.yaml': block('yaml', 'min-version:') })
  chmodSync(join(folder, 'client.key'), 0o600)
  const { destinations } = parse('run', ['--config', join(folder, 'ringback.yaml')], {}).config
  t.not(destinations.of('https://a.internal.example').tls, null)
})
