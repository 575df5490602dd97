import t from 'tap'
import { startsAt, urlStartOf } from '../../src/outbox/url-start.ts'
import { testDatabase } from '../fixtures/database.ts'

const { client } = await testDatabase(t)

/** Which of the URLs begin with the text. */
async function matching(text: string, urls: readonly string[]): Promise<string[]> {
  const { origin, rest } = urlStartOf(text)
  const { rows } = await client.query<{ url: string }>(
    `select c.url from unnest($3::text[]) with ordinality u (url, n), lateral (select u.url, outbox.origin_of(u.url) as origin) c
      where ${startsAt('outbox', '$1::text', '$2::text')} order by n`,
    [origin, rest, urls],
  )
  return rows.map(({ url }) => url)
}

t.test('a URL begins with itself, with its host, and with neither a longer nor another one', async t => {
  const urls = [
    'https://a.example',
    'HTTPS://A.example.:443/',
    'https://a.example?x',
    'https://a.example/x?y',
    'http://[2001:DB8::1]:80/x',
  ]
  for (const url of urls) {
    t.ok((await matching(url, urls)).includes(url), url)
    t.same(await matching(`${url}z/`, [url]), [], `${url}z/`)
  }
  t.same(await matching('https://a.example', urls), urls.slice(0, 4))
  t.same(await matching('https://a.example/x', urls), ['https://a.example/x?y'])
  t.same(await matching('http://[2001:db8::1]/', urls), urls.slice(4))
  t.same(await matching('https://a.example/x?', [...urls, 'https://a.example/x?']), ['https://a.example/x?y'])
})

t.test('a text without a host begins no URL', async t => {
  const urls = ['https://a.example/', 'http://a.example/']
  for (const text of [
    '',
    'http',
    'https://',
    'a.example',
    'https:///a',
    'https://a.example\\x',
    'https://a.example#',
    'https://x@a.example/',
    'ftp://a.example/',
  ])
    t.same(await matching(text, urls), [], text)
})
