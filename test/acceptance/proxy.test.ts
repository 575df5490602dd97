import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connectProxy } from '../fixtures/connect-proxy.ts'
import { Stage } from '../fixtures/stage.ts'

t.test('a receiver behind a proxy gets its callback once the proxy is shown the right credentials', async t => {
  const stage = await Stage.open(t)
  const authorization = 'Basic Y2FuYXJ5OmNhbmFyeQ=='
  const proxy = await connectProxy(t, { wants: authorization })
  const folder = t.testdir()
  const config = join(folder, 'ringback.json')
  const token = join(folder, 'token')
  const rule = { match: '*', proxy: { url: `http://${proxy.host}`, authorization: { file: 'token' } } }
  writeFileSync(config, JSON.stringify({ origins: [rule] }))
  writeFileSync(token, 'Basic d3Jvbmc6Y2FuYXJ5', { mode: 0o600 })
  const relay = await stage.relay({ config, 'max-attempts': 100, deny: '127.0.0.1' })
  const id = await stage.send({ n: 1 }, { url: `http://crm.invalid:${stage.receiver.port}/hook` })
  const error = `proxy failed: HTTP 407 Proxy Authentication Required: ${proxy.host}`
  await relay.until('attempt', line => line.outcome === 'not_sent' && line.error === error)
  t.same(stage.receiver.arrivals, [])

  writeFileSync(token, authorization)
  relay.kill('SIGHUP')
  await relay.until('config_applied')
  await stage.becomes(id, 'delivered')
  t.equal(stage.receiver.arrivals.length, 1)
  t.notMatch(stage.receiver.arrivals[0]?.rawHeaders.join(), /proxy|canary|Basic/i)
  t.ok(proxy.asked.every(({ authority }) => authority === `crm.invalid:${stage.receiver.port}`))

  const inner = await stage.send({ n: 2 })
  t.match(await stage.becomes(inner, 'dead'), { last_error: 'address refused: 127.0.0.1 is in --deny 127.0.0.1' })
  relay.kill()
  t.match(await relay.exited, { code: 0 })
  t.notMatch(JSON.stringify(relay.logs) + relay.errors(), /d3Jvbmc6Y2FuYXJ5|Y2FuYXJ5OmNhbmFyeQ/)
})
