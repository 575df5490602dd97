import type { ServerOptions } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import t, { type Test } from 'tap'
import { tlsConnect } from '../../src/delivery/tls-connect.ts'
import { ca, client, onLoopback, secureServer } from '../fixtures/tls.ts'
import { type Stage, stage } from './stage.ts'

/** POSTs by these settings; null: the defaults. */
function poster(t: Test, options: SecureContextOptions | null): Stage {
  const settings = { tls: options && createSecureContext(options) }
  const connect = onLoopback(tlsConnect(() => settings, 5_000))
  return stage(t, {}, { connect })
}

t.test('a receiver that no known authority vouches for is sent nothing', async t => {
  const server = await secureServer(t)
  const outcome = await poster(t, null).post(server.url)
  t.match(outcome, { kind: 'not_sent', error: /^TLS failed: receiver\.example:\d+: .* \(UNABLE_TO_/ })
  t.same(server.requests, [])
})

t.test('verification cannot be switched off from outside', async t => {
  const server = await secureServer(t)
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  t.match(await poster(t, null).post(server.url), { kind: 'not_sent', error: /^TLS failed/ })
})

t.test('a receiver of an authority of its own is trusted where that is named', async t => {
  const server = await secureServer(t)
  t.match(await poster(t, { ca }).post(server.url), { kind: 'delivered' })
  t.match(server.requests, [{ from: undefined }])
})

t.test('the certificate must be for the name, wherever the connection goes', async t => {
  const server = await secureServer(t)
  const { post } = poster(t, { ca })
  for (const host of ['other.example', '127.0.0.1'])
    t.match(await post(`https://${host}:${server.port}/`), {
      kind: 'not_sent',
      error: /^TLS failed: .* \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    })
  t.same(server.requests, [])
})

t.test('a name with a dot at its end is asked for, and vouched for, without it', async t => {
  const names: unknown[] = []
  const SNICallback: ServerOptions['SNICallback'] = (name, done) => {
    names.push(name)
    done(null)
  }
  const server = await secureServer(t, { SNICallback })
  t.match(await poster(t, { ca }).post(`https://receiver.example.:${server.port}/`), { kind: 'delivered' })
  t.same(names, ['receiver.example'])
})

t.test('a receiver that asks for a certificate is shown it', async t => {
  const server = await secureServer(t, { ca, requestCert: true })
  t.match(await poster(t, { ca, ...client }).post(server.url), { kind: 'delivered' })
  t.match(server.requests, [{ from: 'client' }])
})

t.test('without the certificate that a receiver asks for, no POST is delivered', async t => {
  const strict = { ca, requestCert: true, rejectUnauthorized: true } as const
  const server = await secureServer(t, { ...strict, maxVersion: 'TLSv1.2' })
  t.match(await poster(t, { ca }).post(server.url), {
    kind: 'not_sent',
    error:
      /^TLS failed: receiver\.example:\d+: (?:sslv3|ssl\/tls) alert handshake failure \(ERR_SSL_\S+_ALERT_HANDSHAKE_FAILURE\)$/,
  })
  const newer = await secureServer(t, { ...strict, minVersion: 'TLSv1.3' })
  t.match(
    await poster(t, { ca }).post(newer.url),
    { kind: 'unknown' },
    'TLS 1.3 refuses after the request has gone out',
  )
  t.same([...server.requests, ...newer.requests], [])
})

t.test('a receiver that does not speak the version that is asked for is sent nothing', async t => {
  const server = await secureServer(t, { maxVersion: 'TLSv1.2' })
  t.match(await poster(t, { ca, minVersion: 'TLSv1.3' }).post(server.url), {
    kind: 'not_sent',
    error: /^TLS failed: receiver\.example:\d+: tlsv1 alert protocol version \(ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION\)$/,
  })
  t.match(await poster(t, { ca }).post(server.url), { kind: 'delivered' })
  t.match(server.requests, [{ version: 'TLSv1.2' }])
})

t.test('a session is resumed under the settings that it was begun under, and under no others', async t => {
  const server = await secureServer(t, { ca, requestCert: true, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
  const known = { tls: createSecureContext({ ca, ...client }) }
  const unknown = { tls: createSecureContext({ ca }) }
  let settings = known
  const { origins, post } = stage(t, {}, { connect: onLoopback(tlsConnect(() => settings, 5_000)) })
  origins.loseReuse(new URL(server.url).origin)
  for (settings of [known, known, unknown]) t.match(await post(server.url), { kind: 'delivered' })
  t.same(server.resumed, [false, true, false])
  t.match(server.requests, [{ from: 'client' }, { from: 'client' }, { from: undefined }])
})
