import t from 'tap'
import { NotResolved, Stopped, whyNotSent, whyStatus, whyTunnelRefused, whyUnknown } from '../../src/delivery/reason.ts'

function failure(code: string, message = 'm', more: object = {}): Error {
  return Object.assign(new Error(message), { code, ...more })
}

t.test('the words for what was not sent', async t => {
  const refused = failure('ECONNREFUSED', 'connect ECONNREFUSED', { address: '::1', port: 9 })
  t.equal(whyNotSent(refused, 'h:9'), 'connect refused: [::1]:9 (ECONNREFUSED)')
  t.equal(whyNotSent(new AggregateError([refused, refused]), 'h:9'), 'connect refused: [::1]:9 (ECONNREFUSED)')
  t.equal(whyNotSent(failure('ENOTFOUND'), 'h'), 'name not found: h (ENOTFOUND)')
  t.equal(whyNotSent(failure('EAI_AGAIN'), 'h'), 'name lookup failed: h (EAI_AGAIN)')
  t.equal(whyNotSent(failure('UND_ERR_CONNECT_TIMEOUT'), 'h:1'), 'connect timed out: h:1 (UND_ERR_CONNECT_TIMEOUT)')
  t.equal(whyNotSent(failure('ECONNRESET'), 'h'), 'connection reset before it was sent: h (ECONNRESET)')
  t.equal(whyNotSent(failure('CERT_HAS_EXPIRED', 'expired'), 'h'), 'TLS failed: h: expired (CERT_HAS_EXPIRED)')
  const alert = failure('ERR_SSL_ALERT', '80:error:0A:SSL routines::alert:a.c:1', { reason: 'alert' })
  t.equal(whyNotSent(alert, 'h'), 'TLS failed: h: alert (ERR_SSL_ALERT)')
  t.equal(
    whyNotSent(failure('EMFILE', 'connect EMFILE'), 'h'),
    'no socket: the relay has as many files open as it may (LimitNOFILE=): h (EMFILE)',
  )
  t.equal(whyNotSent(failure('ENETUNREACH', 'no route'), 'h'), 'connect failed: h: no route (ENETUNREACH)')
  t.equal(whyNotSent(new NotResolved(5_000.2, null), 'h:1'), 'name not resolved: h:1: no answer within 5000 ms')
  t.equal(
    whyNotSent(new NotResolved(5_000, 2), 'h:1'),
    'name not resolved: h:1: not looked up within 5000 ms: the lookups of 2 other names hang',
  )
  t.equal(whyNotSent(new Stopped('lease lost', ''), 'h'), 'lease lost')
})

t.test('the words for what may have arrived say after how long', async t => {
  t.equal(whyUnknown(failure('ECONNRESET'), 12.4), 'connection reset before an answer (ECONNRESET) after 12 ms')
  t.equal(whyUnknown(failure('EPIPE'), 0), 'connection reset before an answer (EPIPE) after 0 ms')
  t.equal(
    whyUnknown(failure('UND_ERR_SOCKET', 'other side closed'), 1),
    'connection closed before an answer (UND_ERR_SOCKET) after 1 ms',
  )
  t.equal(whyUnknown(new Stopped('', 'no answer within 5 ms'), 5), 'no answer within 5 ms')
})

t.test('an alert of TLS after the request says that the receiver may want another certificate', async t => {
  const alert = failure('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'm', { reason: 'certificate required' })
  t.match(whyUnknown(alert, 1), /^TLS ended by the receiver, which may want another certificate: certificate required/)
})

t.test('a proxy that refuses CONNECT to a port other than 443 is said to, and how Squid allows it', async t => {
  t.match(whyTunnelRefused(403, 0, 'p:3128', 'h:8443'), /^HTTP 403 Forbidden: p:3128; .* port 8443 .*SSL_ports/)
  t.equal(whyTunnelRefused(403, 0, 'p:3128', 'h:443'), 'HTTP 403 Forbidden: p:3128')
})

t.test("others' words stay on one line, and short", async t => {
  const text = whyNotSent(failure('EPROTO', `a\r\nb\0${'x'.repeat(9_999)}`), 'h')
  t.match(text, /^TLS failed: h: a b x+ \(EPROTO\)$/)
  t.ok(text.length < 250)
})

t.test('a redirect names the origin it points to and nothing more', async t => {
  const url = new URL('https://crm.example/a?token=1')
  const to = (location?: string): string => whyStatus(307, location, url)
  t.match(to('/login?next=2'), /\(to another URL of this origin\)$/)
  t.match(to('//evil.test:81/x'), /\(to https:\/\/evil\.test:81\)$/)
  t.match(to(`http://${'x'.repeat(60_000)}/`), /\(to http:\/\/x{193}\)$/)
  t.match(to('http://['), /\(to an unreadable Location\)$/)
  t.match(to(), /\(to nowhere: no Location\)$/)
})
