import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { AddressPolicy, type Endpoint } from '../../src/delivery/address-policy.ts'
import { addressRule } from '../../src/delivery/address-rule.ts'
import { refused, urlOf } from './refused-hosts.ts'

function policyOf(allow: readonly string[], deny: readonly string[] = [], database: Endpoint | null = null) {
  return new AddressPolicy({ allow, deny, database: () => database })
}

/** Why an address is refused, asked for by itself. */
function refusal(address: string, { allow = [] as string[], deny = [] as string[], host = address, port = 80 } = {}) {
  return policyOf(allow, deny).refusal(host, address, port)
}

t.test(
  'every spelling of an address that must not be reached is refused, by the URL parser or by the policy',
  async t => {
    const strict = policyOf([])
    const count = { byParser: 0, byPolicy: 0 }
    for (const { address, hosts } of refused) {
      const lenient = policyOf(address)
      for (const host of hosts) {
        const url = urlOf(host)
        if (!URL.canParse(url)) {
          count.byParser++
          continue
        }
        const { hostname } = new URL(url)
        // The only name among them; that it is looked up and judged is seen in guarded-connect.test.ts.
        const bare = hostname === 'localhost' ? '127.0.0.1' : hostname.replace(/^\[|\]$|\.$/g, '')
        t.ok(isIP(bare), `${JSON.stringify(host)} becomes an address`)
        t.type(strict.refusal(hostname, bare, 80), 'string', `${JSON.stringify(host)} is refused`)
        t.equal(
          lenient.refusal(hostname, bare, 80),
          null,
          `${JSON.stringify(host)} is reached where ${address} is allowed`,
        )
        count.byPolicy++
      }
    }
    t.comment(`${count.byParser} spellings are refused by the URL parser, ${count.byPolicy} by the policy`)
    t.ok(count.byParser + count.byPolicy >= 300 && count.byPolicy >= 250)
  },
)

t.test('private and public addresses are reached, in IPv4 and IPv6', async t => {
  const reached = [
    ...[
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '8.8.8.8',
      '172.32.0.1',
      '223.255.255.255',
    ],
    ...['2606:4700::1111', 'fd12:3456::1', 'fc00::1', '64:ff9b::808:808', '64:ff9b:1::a01:203', '2002:808:808::1'],
    ...['::ffff:10.0.0.1', '2001:470:1::5efe:a01:203', '2001:0:808:808::f7f7:f7f7'],
  ]
  for (const address of reached) t.equal(refusal(address), null, address)
})

t.test('a refusal names the address, the class, and what would permit it', async t => {
  t.equal(refusal('127.0.0.1'), '127.0.0.1 is loopback; --allow 127.0.0.1 would permit it')
  t.equal(
    refusal('127.0.0.1', { host: 'crm.example' }),
    'crm.example at 127.0.0.1 is loopback; --allow 127.0.0.1 would permit it',
  )
  t.equal(refusal('::1', { host: '[::1]' }), '::1 is loopback; --allow ::1 would permit it')
  t.equal(
    refusal('64:ff9b::a9fe:a9fe'),
    '64:ff9b::a9fe:a9fe leads to 169.254.169.254, which is link-local; --allow 169.254.169.254 would permit it',
  )
  t.match(refusal('168.63.129.16'), /is a metadata service/)
  t.match(refusal('0.0.0.0'), /is unspecified/)
  t.match(refusal('224.0.0.1'), /is multicast/)
  t.match(refusal('255.255.255.255'), /is broadcast/)
  t.match(refusal('2001:db8::1'), /is reserved/)
  t.match(refusal('fe80::1%eth0'), /has a zone id/)
  t.match(refusal('crm.example'), /is no address/)
})

t.test('the answers of private addresses are kept only where --allow names them', async t => {
  const unkept = (address: string, allow: readonly string[] = [], host = address) =>
    policyOf(allow).whyUnkept(host, 80, { address, port: host === address ? 80 : 3128 })
  for (const address of ['8.8.8.8', '2606:4700::1111', '64:ff9b::808:808']) t.equal(unkept(address), null, address)
  t.equal(unkept('10.1.2.3'), '10.1.2.3 is private; --allow 10.1.2.3 would keep it')
  for (const address of ['192.168.1.1', '100.64.0.1', 'fd12:3456::1', '::ffff:10.1.2.3', '64:ff9b:1::a01:203'])
    t.type(unkept(address), 'string', address)
  t.equal(unkept('10.1.2.3', ['10.0.0.0/8']), null)
  t.equal(unkept('10.1.2.3', ['crm.example'], 'crm.example'), null)
  t.type(unkept('10.1.2.3', ['10.1.2.3:8080', 'erp.example'], 'crm.example'), 'string')
  t.equal(unkept('127.0.0.1', [], '10.1.2.3'), '10.1.2.3 is private; --allow 10.1.2.3 would keep it', 'through a proxy')
  t.type(unkept('127.0.0.1', [], '[fd12:3456::1]'), 'string')
  t.equal(unkept('127.0.0.1', ['10.1.2.3:80'], '10.1.2.3'), null)
  t.equal(unkept('10.1.2.3', ['10.1.2.3:3128'], '8.8.8.8'), null, 'the proxy, by its own port')
  t.equal(unkept('127.0.0.1', ['127.0.0.1']), null, 'what is refused otherwise is reached because it is named')
})

t.test('deny wins over allow, and allow over the classes', async t => {
  t.equal(refusal('10.1.2.3', { deny: ['10.0.0.0/8'] }), '10.1.2.3 is in --deny 10.0.0.0/8')
  t.match(refusal('10.1.2.3', { deny: ['10.0.0.0/8'], allow: ['10.1.2.3'] }), /--deny 10.0.0.0\/8/)
  t.match(refusal('127.0.0.1', { deny: ['localhost'], allow: ['127.0.0.0/8'], host: 'localhost' }), /--deny localhost/)
  t.match(refusal('10.1.2.3', { deny: ['0.0.0.0/0'], allow: ['crm.example'], host: 'crm.example' }), /--deny/)
  t.match(refusal('64:ff9b::a01:203', { deny: ['10.0.0.0/8'] }), /--deny/, 'also what is carried inside is denied')
  t.match(refusal('::ffff:10.1.2.3', { deny: ['10.1.2.3'] }), /--deny/)
  t.equal(refusal('10.1.2.3', { deny: ['::/0'] }), null)
})

t.test('an entry holds for its port alone, a host for whatever address it has, *. for all below', async t => {
  const at = (port: number) => refusal('127.0.0.1', { allow: ['127.0.0.1:8080'], port })
  t.equal(at(8080), null)
  t.type(at(8081), 'string')
  t.equal(refusal('::1', { allow: ['[::1]:8080'], port: 8080 }), null)
  t.type(refusal('::1', { allow: ['[::1]:8080'], port: 80 }), 'string')
  const named = (host: string, port = 80) =>
    refusal('127.0.0.1', { allow: ['crm.example', 'erp.example:8080', '*.partner.example'], host, port }) === null
  for (const host of ['crm.example', 'crm.example.', 'a.partner.example', 'b.a.partner.example'])
    t.ok(named(host), host)
  for (const host of ['a.crm.example', 'xcrm.example', 'partner.example', 'apartner.example', 'erp.example'])
    t.notOk(named(host), host)
  t.ok(named('erp.example', 8080))
  t.equal(refusal('127.0.0.1', { allow: ['BÜRO.example'], host: 'xn--bro-hoa.example' }), null)
})

t.test('an allowed IPv6 range does not permit what its addresses carry inside', async t => {
  t.type(refusal('64:ff9b::7f00:1', { allow: ['64:ff9b::/96'] }), 'string')
  t.equal(refusal('64:ff9b::7f00:1', { allow: ['127.0.0.1'] }), null)
  t.type(refusal('::7f00:1', { allow: ['127.0.0.1'] }), 'string', 'nor the other way round')
})

t.test("the relay's own database is never reached, by whatever loopback address", async t => {
  const at = (database: Endpoint) => (host: string, address: string, port: number) =>
    policyOf(['0.0.0.0/0', '::/0', 'db.example'], [], database).refusal(host, address, port)
  const remote = at({ address: '10.0.0.5', port: 5432 })
  t.equal(remote('db.example', '10.0.0.5', 5432), "db.example at 10.0.0.5 is the relay's own database")
  for (const address of ['10.0.0.5', '::ffff:10.0.0.5', '64:ff9b::a00:5'])
    t.match(remote(address, address, 5432), /database/)
  t.equal(remote('10.0.0.5', '10.0.0.5', 80), null)
  t.equal(remote('10.0.0.6', '10.0.0.6', 5432), null)
  const local = at({ address: '::ffff:127.0.0.1', port: 5432 })
  for (const address of ['127.0.0.1', '127.9.9.9', '::1', '0.0.0.0']) t.match(local(address, address, 5432), /database/)
  t.equal(local('127.0.0.1', '127.0.0.1', 80), null)
})

t.test('entries are addresses, ranges and hosts; others are none', async t => {
  const good = [
    ...[
      '10.1.2.3',
      '10.0.0.0/8',
      '0.0.0.0/0',
      '10.1.2.3:80',
      '::1',
      'fd00::/8',
      '[::1]:8080',
      '[::1]',
      '::ffff:10.1.2.3',
    ],
    ...[
      'crm.example',
      'crm.example.',
      'crm.example:443',
      '*.crm.example',
      '*.crm.example:80',
      'localhost',
      'my_host',
      'BÜRO.example',
    ],
  ]
  for (const text of good) t.ok(addressRule(text), text)
  const bad = [
    ...[
      '',
      '*',
      '*.',
      '127.1',
      '0x7f000001',
      '2130706433',
      '010.0.0.1',
      '10.0.0.0/33',
      '10.0.0.0/',
      '10.0.0.0/8:80',
      '::/129',
    ],
    ...[
      '10.1.2.3:0',
      '10.1.2.3:65536',
      'crm.example:x',
      '[10.1.2.3]:80',
      '[::1',
      '[::1]80',
      'fe80::1%eth0',
      '[fe80::1%eth0]:80',
    ],
    ...['https://crm.example', 'crm.example/path', 'user@crm.example', 'crm.*', '*crm.example', 'a b', 'crm.example/8'],
  ]
  for (const text of bad) t.equal(addressRule(text), null, text)
})

t.test('every IPv4 address is judged alike however IPv6 carries it', async t => {
  const quad = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  const property = fc.property(quad, ([a, b, c, d]) => {
    const hex = (high: number, low: number) => ((high << 8) | low).toString(16)
    const inverted = `${hex(a ^ 255, b ^ 255)}:${hex(c ^ 255, d ^ 255)}`
    const tail = `${hex(a, b)}:${hex(c, d)}`
    const isRefused = refusal(`${a}.${b}.${c}.${d}`) !== null
    const forms = [
      `::ffff:${tail}`,
      `64:ff9b::${tail}`,
      `2002:${tail}::1`,
      `2001:0:808:808::${inverted}`,
      `2606:1::5efe:${tail}`,
    ]
    return forms.every(form => (refusal(form) !== null) === isRefused)
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test('of a name that is looked up elsewhere the name is judged, and localhost is loopback everywhere', async t => {
  const policy = new AddressPolicy({ allow: ['localhost:8080'], deny: ['*.inner.example'], database: () => null })
  t.equal(policy.refusalOfName('crm.example', 80), null)
  t.equal(policy.refusalOfName('localhost', 8080), null)
  t.match(policy.refusalOfName('localhost.', 80), /^localhost at 127\.0\.0\.1 is loopback/)
  t.match(policy.refusalOfName('a.localhost', 8080), /^a\.localhost at 127\.0\.0\.1 is loopback/)
  t.equal(policy.refusalOfName('a.inner.example', 80), 'a.inner.example is in --deny *.inner.example')
})
