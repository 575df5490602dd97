import t from 'tap'
import { listenAddress } from '../../src/config/listen-address.ts'

t.test('a host or an address, and a port', async t => {
  t.same(listenAddress('127.0.0.1:9464'), { host: '127.0.0.1', port: 9464 })
  t.same(listenAddress('[::1]:0'), { host: '::1', port: 0 })
  t.same(listenAddress('relay-1.example:65535'), { host: 'relay-1.example', port: 65_535 })
  for (const text of [
    '',
    '9464',
    ':9464',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:9464',
    '[::1]',
    'a:65536',
    'http://a:1',
    'a b:1',
  ])
    t.equal(listenAddress(text), null, text)
})
