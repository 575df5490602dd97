import { STATUS_CODES } from 'node:http'
import { isIP } from 'node:net'
import { type Certificate, TLSSocket } from 'node:tls'
import { durationText, type TryConfig } from '../config/config.ts'
import { AddressPolicy } from '../delivery/address-policy.ts'
import { portOf } from '../delivery/connecting.ts'
import type { Connect } from '../delivery/connection.ts'
import { post } from '../delivery/post.ts'
import { Resolver } from '../delivery/resolver.ts'
import type { Claim, Outcome } from '../model.ts'
import { decide } from '../policy/decision.ts'
import type { DestinationSettings } from '../policy/destinations.ts'
import { successText } from '../policy/success.ts'
import { printable, printableJson, printableLines } from '../printable.ts'
import { postOptionsOf } from '../relay/post-options.ts'

/** One connection, and what was written to it. */
interface Sent {
  readonly connectMs: number
  /** null: it is not over TLS. */
  readonly tls: string | null
  readonly bytes: Buffer[]
}

/**
 * `ringback try <url>`: makes one POST as `run` makes it, and shows each step. Without a database it cannot tell
 * whether the outbox accepts the URL. Exits with 0 when a callback would be delivered, else with 1.
 */
export async function tryReceiver(config: TryConfig): Promise<number> {
  const { destinations, target } = config
  const url = new URL(target)
  const origin = originOf(url)
  const settings = destinations.of(origin)
  tell('origin', origin)
  tell('rule', ruleText(config, origin))
  tell('settings', settingsText(settings))
  if (settings.success !== null) tell('success', successText(settings.success))
  if (settings.proxy === null) await tellAddresses(new AddressPolicy({ ...config, database: () => null }), url)
  else tell('proxy', `${settings.proxy.url.host}, which looks the name up`)
  const claim = claimOf(config, origin)
  const { outcome, sent } = await send(config, claim)
  for (const each of sent) tellSent(each, settings)
  tellAnswer(outcome)
  tell('callback', becomes(config, claim, outcome))
  return outcome.kind === 'delivered' ? 0 : 1
}

async function send(config: TryConfig, claim: Claim) {
  const { destinations } = config
  const sent: Sent[] = []
  const options = postOptionsOf(
    config,
    { settingsOf: origin => destinations.of(origin), mayStart: () => true, database: () => null },
    connect => observed(connect, sent),
  )
  try {
    return { outcome: await post(claim, options), sent }
  } finally {
    await options.pool.close()
  }
}

/** Notes each socket that is opened, and what is written to it. */
function observed(connect: Connect, sent: Sent[]): Connect {
  return (target, callback) => {
    const startedAt = performance.now()
    return connect(target, (...[error, socket]) => {
      if (error !== null) return callback(error, null)
      const bytes: Buffer[] = []
      const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
      socket.write = (...args: unknown[]) => {
        bytes.push(Buffer.from(args[0] as string | Uint8Array))
        return write(...args)
      }
      // Read now: a closed socket no longer knows its certificate.
      const tls = socket instanceof TLSSocket ? tlsText(socket) : null
      sent.push({ connectMs: performance.now() - startedAt, tls, bytes })
      callback(null, socket)
    })
  }
}

/** The first attempt of a new callback. */
function claimOf({ target, form }: TryConfig, origin: string): Claim {
  return {
    id: '0',
    messageId: crypto.randomUUID(),
    attempt: 1,
    epoch: '0',
    rev: 0,
    orderingKey: null,
    origin,
    urlHash: 0,
    url: target,
    form,
    traceparent: null,
    attemptOfBudget: 1,
    maxAttempts: null,
    dueUs: null,
    expiresInMs: null,
  }
}

/** Spelt as the column `origin`. */
function originOf({ protocol, host }: URL): string {
  return `${protocol}//${host.replace(/\.(?=:|$)/, '')}`
}

function ruleText({ destinations, configFile }: TryConfig, origin: string): string {
  const pattern = destinations.patternOf(origin)
  if (pattern !== null) return `match: ${pattern}, of ${configFile}`
  return configFile === null ? 'none, as there is no --config' : `none of ${configFile}`
}

function settingsText(settings: DestinationSettings): string {
  const { concurrency, growsTo, ratePerSecond, deadlineMs, maxAttempts, breaker, body, headers } = settings
  const { retry, unknown, signingKeys } = settings
  return [
    `${concurrency === growsTo ? concurrency : `${concurrency} to ${growsTo}`} POSTs at once`,
    ratePerSecond === null ? 'no rate limit' : `${ratePerSecond} a second`,
    `deadline ${durationText(deadlineMs)}`,
    `${maxAttempts} attempts`,
    breaker.failures === 0
      ? 'no breaker'
      : `breaker opens for ${durationText(breaker.pauseMs)} after ${breaker.failures} failures`,
    ...(body === 'json' ? ['sent as JSON'] : []),
    ...(headers.length > 0 ? [`${headers.length / 2} headers`] : []),
    ...(retry.length > 0 ? [`${retry.join(', ')} tried again`] : []),
    ...(unknown === 'hold' ? ['unknown: hold'] : []),
    signingKeys.length === 0 ? 'not signed' : `signed with ${signingKeys.length === 1 ? '1 key' : '2 keys'}`,
  ].join(', ')
}

async function tellAddresses(policy: AddressPolicy, url: URL): Promise<void> {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const startedAt = performance.now()
  let addresses: readonly string[]
  try {
    addresses = isIP(hostname) ? [hostname] : await new Resolver().addressesOf(hostname, AbortSignal.timeout(5_000))
  } catch (error) {
    return tell('name', `no address: ${error instanceof Error ? error.message : error}`)
  }
  if (!isIP(hostname)) tell('name', `${addresses.join(', ')} after ${Math.round(performance.now() - startedAt)} ms`)
  for (const address of addresses)
    tell('guard', policy.refusal(hostname, address, portOf(url)) ?? `${address} may be reached`)
  tell('', 'not checked: `run` also refuses the address of its own database, which `try` does not know')
}

function tellSent({ connectMs, tls, bytes }: Sent, settings: DestinationSettings): void {
  tell('connect', `${Math.round(connectMs)} ms`)
  if (tls !== null) tell('tls', tls)
  const request = Buffer.concat(bytes)
  const end = request.indexOf('\r\n\r\n')
  const [head, body] = [request.toString('latin1', 0, end), request.toString('utf8', end + 4)]
  const secret = settings.headers.filter((_, at) => at % 2 === 0)
  const lines = head.split('\r\n').map(line => {
    const [name = ''] = line.split(':', 1)
    return secret.includes(name.toLowerCase()) ? `${name}: (not shown)` : line
  })
  for (const [at, line] of [...lines, '', ...(body === '' ? [] : [body])].entries())
    tell(at === 0 ? 'request' : '', line)
}

function tlsText(socket: TLSSocket): string {
  const { issuer, subject, valid_to: validTo } = socket.getPeerCertificate()
  const days = Math.floor((Date.parse(validTo) - Date.now()) / 86_400_000)
  const nameOf = (names: Certificate | undefined) => [names?.CN ?? names?.O ?? 'unnamed'].flat()[0]
  return printable(`${socket.getProtocol()}, ${nameOf(subject)} by ${nameOf(issuer)}, ${days} days left`)
}

function tellAnswer({ kind, error, httpStatus, responseExcerpt, startedAtMs, finishedAtMs }: Outcome): void {
  const afterMs = Math.round(finishedAtMs - startedAtMs)
  tell('answer', `${httpStatus === null ? 'none' : statusText(httpStatus)}; ${afterMs} ms in all`)
  if (responseExcerpt !== null) tell('', printableJson(responseExcerpt))
  tell('outcome', error === null ? kind : `${kind}: ${printable(error)}`)
}

function statusText(status: number): string {
  return `${status} ${STATUS_CODES[status] ?? ''}`.trim()
}

/** What the callback would become after this first attempt. */
function becomes(config: TryConfig, claim: Claim, outcome: Outcome): string {
  const { retryBaseMs: baseMs, retryCapMs: capMs, retryAfterCapMs, destinations } = config
  const policy = { baseMs, capMs, retryAfterCapMs, settingsOf: (origin: string) => destinations.of(origin) }
  const decision = decide(claim, outcome, policy, () => 0.5)
  if (decision.status === 'delivered') return 'delivered'
  if (decision.status === 'pending') return `pending, tried again after some ${durationText(decision.retryInMs)}`
  return decision.holdsUrl ? 'dead, and its URL on hold' : 'dead'
}

function tell(what: string, text: string): void {
  process.stdout.write(`${what.padEnd(10)}${printableLines(text)}\n`)
}
