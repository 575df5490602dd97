import t from 'tap'
import { testDatabase } from '../fixtures/database.ts'
import { read, write } from './rows.ts'

const { client } = await testDatabase(t)

const hint = /^url takes an absolute http: or https: URL of at most 2048 characters/

t.test('a URL that can be called is taken as it was written', async t => {
  const urls = [
    'http://crm.example',
    'http://crm.example?a=b',
    'HTTPS://CRM.Example:8443/Path/?q=1&r=%20;x=[]{}|^`"',
    'http://127.0.0.1:1/',
    'http://crm.example:65535/',
    'http://[2001:db8::1]/callbacks',
    'https://CRM.example.:443/.well-known/x?../..',
    'http://127.0.0.1.:65535/',
    'http://[2001:DB8::1]:8080/',
    'http://4u/',
    'http://xn--bcher-kva.example/b%C3%BCcher',
    'http://my_host-1/mail@crm.example:99999/',
    `http://crm.example/${'x'.repeat(2048 - 'http://crm.example/'.length)}`,
  ]
  for (const url of urls) t.equal((await read(client, await write(client, { url }))).url, url, url.slice(0, 80))
})

t.test('a URL that cannot be called is refused with its fault and what is accepted', async t => {
  const refused: [url: string, message: RegExp][] = [
    ['', /^url is blank$/],
    [' ', /^url is blank$/],
    ['\t\n', /^url is blank$/],
    ['/callbacks', /^url is not absolute: \/callbacks$/],
    ['//crm.example/callbacks', /^url is not absolute/],
    ['crm.example/callbacks', /^url is not absolute/],
    ['ftp://crm.example/', /^url has the scheme ftp: /],
    ['file:///etc/passwd', /^url has the scheme file: /],
    ['httpx://crm.example/', /^url has the scheme httpx: /],
    ['http:', /^url names no host/],
    ['http://', /^url names no host/],
    ['http:///callbacks', /^url names no host/],
    ['https:/crm.example/', /^url names no host/],
    ['https://crm.example/#top', /^url has a fragment/],
    ['https://crm.example#', /^url has a fragment/],
    ['https://bücher.example/', /^url has a character outside ASCII/],
    ['https://crm.example/回调', /^url has a character outside ASCII/],
    [' https://crm.example/', /^url has a space or control character/],
    ['https://crm.example/a b', /^url has a space or control character/],
    ['https://crm.example/\r\nX-Evil: 1', /^url has a space or control character/],
    ['https://crm.example/\u0001', /^url has a space or control character/],
    ['https://crm.example/\u007f', /^url has a space or control character/],
    ['https://crm.example:99999/', /^url has a host or port that cannot be read/],
    ['https://crm.example:65536/', /^url has a host or port that cannot be read/],
    ['https://crm.example:0/', /^url has a host or port that cannot be read/],
    ['https://crm.example:080/', /^url has a host or port that cannot be read/],
    ['https://crm.example:/', /^url has a host or port that cannot be read/],
    ['https://crm.example:http/', /^url has a host or port that cannot be read/],
    ['https://[::1/', /^url has a host or port that cannot be read/],
    ['https://crm.example\\@evil.example/', /^url carries user:password/],
    [`http://crm.example/${'x'.repeat(2049 - 'http://crm.example/'.length)}`, /^url has 2049 characters: /],
  ]
  for (const [url, message] of refused) {
    await t.rejects(write(client, { url }), { code: '23514', message, hint }, JSON.stringify(url.slice(0, 80)))
  }
})

t.test('a host that URL refuses, or would write otherwise, is refused with the spelling that is meant', async t => {
  const hosts: [host: string, meant: string | null][] = [
    ['127.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['017700000001', '127.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['%3127.0.0.1', '127.0.0.1'],
    ['%61.test', 'a.test'],
    ['[2001:DB8:0::1]', '[2001:db8::1]'],
    ['[::FFFF:10.0.0.1]', '10.0.0.1'],
    ['[::ffff:a00:1]', '10.0.0.1'],
    ['10.0.0.256', null],
    ['crm.example.123', null],
    ['crm.0x', null],
    ['1.2.3.4.5', null],
    ['08.0.0.1', null],
    ['[1:2]', null],
    ['a%', null],
    ['a%2fb', null],
    ['a%00', null],
    ['a..b', null],
  ]
  for (const [host, meant] of hosts) {
    const url = `http://${host}:8080/x`
    const message = meant === null ? /^url has a host/ : `url has the host ${host}, write ${meant}: ${url}`
    await t.rejects(write(client, { url }), { code: '23514', message, hint }, url)
  }
})

t.test('a path with a dot segment or a backslash, which would pass a hold, is refused', async t => {
  for (const segment of ['.', '..', '%2e', '%2E%2e', '.%2e', '%2e.'])
    for (const rest of [`/a/${segment}/b`, `/${segment}`, `/a/${segment}?b`]) {
      const url = `https://crm.example${rest}`
      await t.rejects(write(client, { url }), { code: '23514', message: /^url has a dot segment/, hint }, url)
    }
  for (const url of ['https://crm.example\\a', 'https://crm.example/a\\b', 'https://crm.example/?a\\b'])
    await t.rejects(write(client, { url }), { code: '23514', message: /^url has a backslash/, hint }, url)
})

t.test('a password in a URL is refused and not repeated in the message', async t => {
  const urls = [
    'https://user:s3cret@crm.example/',
    'https://s3cret@crm.example',
    'https://user:p@s3cret@crm.example:443/?x#y',
    'https://user:s3cret@crm.example/a b',
    `https://user:s3cret@crm.example/${'x'.repeat(3000)}`,
    'ftp://user:s3cret@crm.example/',
  ]
  for (const url of urls) {
    const message = /^url carries user:password before the host crm\.example(:443)?$/
    await t.rejects(write(client, { url }), { code: '23514', message, hint }, url.slice(0, 80))
  }
})

t.test('a callback without a URL is refused', async t => {
  await t.rejects(write(client, { url: null }), { code: '23502', column: 'url' })
  await t.rejects(client.query(`insert into outbox.callback (form) values ('{}')`), { code: '23502', column: 'url' })
})

t.test('an amended URL is held to the same rules', async t => {
  const id = await write(client)
  const amended = client.query(`update outbox.callback set url = 'ftp://crm.example/' where id = $1`, [id])
  await t.rejects(amended, { code: '23514', message: /^url has the scheme ftp/, hint })
})
