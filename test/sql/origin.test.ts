import fc from 'fast-check'
import t from 'tap'
import { canonicalOrigin } from '../../src/destinations/pattern.ts'
import { testDatabase } from '../fixtures/database.ts'
import { write } from './rows.ts'

const { client } = await testDatabase(t)

async function originOf(url: string): Promise<string> {
  const id = await write(client, { url })
  const { rows } = await client.query<{ origin: string }>('select origin from outbox.callback where id = $1', [id])
  return rows[0]?.origin ?? ''
}

t.test('an origin is what URL makes of it: lower case, without the default port', async t => {
  const urls = [
    'HTTPS://CRM.Example/Path?Q=1',
    'https://crm.example:443/',
    'http://crm.example:80?a',
    'http://crm.example:443/',
    'https://crm.example:8443',
    'http://a_b.example./~x@y:80/',
    'http://127.0.0.1:80',
    'http://[::1]:80/',
    'http://xn--bcher-kva.example/',
  ]
  for (const url of urls) t.equal(await originOf(url), new URL(url).origin, url)
})

t.test('where it is not, as with an address written at length, URL leads from the one to the other', async t => {
  const urls = [
    'http://[2001:DB8:0::1]:8080/',
    'http://[::ffff:10.0.0.1]/',
    'http://0x7f.1/',
    'https://%63rm.example:443/',
  ]
  for (const url of urls) {
    const origin = await originOf(url)
    t.not(origin, new URL(url).origin, url)
    t.equal(canonicalOrigin(origin), new URL(url).origin, url)
  }
})

t.test('whatever the url, its origin and that of URL have the same settings', async () => {
  const host = fc.stringMatching(/^([A-Za-z0-9_~%-]{1,4}\.){0,3}[A-Za-z0-9-]{1,4}\.?$|^\[[0-9A-Fa-f:.]{2,12}\]$/)
  const port = fc.constantFrom('', ':80', ':443', ':8080')
  const rest = fc.constantFrom('', '/', '/A:80', '?b=//c:443', '/@d')
  const url = fc.tuple(fc.constantFrom('http', 'HTTPS', 'https'), host, port, rest)
  await fc.assert(
    fc.asyncProperty(url, async ([scheme, host, port, rest]) => {
      const text = `${scheme}://${host}${port}${rest}`
      fc.pre(URL.canParse(text))
      return canonicalOrigin(await originOf(text)) === new URL(text).origin
    }),
    { numRuns: 300 },
  )
})
