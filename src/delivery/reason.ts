/**
 * Why an attempt failed, as text for `last_error`. First the fact, in fixed words, so that errors can be counted. Then
 * where and after how long. Last the code to search for.
 */
import { STATUS_CODES } from 'node:http'

/** The relay itself ended the attempt. The text depends on whether the request had started. */
export class Stopped extends Error {
  override readonly name: string = 'Stopped'
  readonly whenStarted: string

  constructor(beforeStart: string, whenStarted: string) {
    super(beforeStart)
    this.whenStarted = whenStarted
  }
}

/** The receiver is not the cause: the lease was lost, or the relay shuts down. */
export class Aborted extends Stopped {
  override readonly name = 'Aborted'
}

/** The deadline of the attempt has passed. */
export class Late extends Stopped {
  override readonly name = 'Late'

  constructor(deadlineMs: number) {
    super(`no connection within ${deadlineMs} ms`, `no answer within ${deadlineMs} ms`)
  }
}

/** The address policy forbids the address, so the callback is dead. The receiver is not the cause. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused'

  /** @param why from `AddressPolicy.refusal`. */
  constructor(why: string) {
    super(`address refused: ${why}`)
  }
}

/** The attempt gave up before the name was resolved. */
export class NotResolved extends Error {
  override readonly name = 'NotResolved'

  /** @param ahead lookups of other names, for which this name's lookup had to wait; null: its lookup had begun. */
  constructor(afterMs: number, ahead: number | null) {
    const within = `within ${Math.round(afterMs)} ms`
    const others = ahead === 1 ? 'the lookup of 1 other name hangs' : `the lookups of ${ahead} other names hang`
    super(ahead === null ? `no answer ${within}` : `not looked up ${within}: ${others}`)
  }
}

/** A proxy opened no tunnel, so nothing was sent to the target. */
export class ProxyFailed extends Error {
  override readonly name = 'ProxyFailed'

  /** @param why from `whyNoTunnel` or `whyTunnelRefused`. */
  constructor(why: string) {
    super(`proxy failed: ${why}`)
  }
}

/** Why there was no answer to CONNECT. @param proxy as host:port. */
export function whyNoTunnel(failure: Error, proxy: string): string {
  const code = codeOf(failure)
  if (code === 'HPE_HEADER_OVERFLOW') return `its answer's headers are too large: ${proxy} (${code})`
  if (code.startsWith('HPE_')) return `its answer is not HTTP/1.1: ${proxy} (${code})`
  if (code === 'ECONNRESET') return `connection reset before its answer: ${proxy} (${code})`
  return whyNotSent(failure, proxy)
}

/**
 * What is wrong with an answer to CONNECT; null: nothing. Proxy and authority, the target, are host:port.
 *
 * @param early how many bytes followed its head. Finding them, undici would connect again and again.
 */
export function whyTunnelRefused(status: number, early: number, proxy: string, authority: string): string | null {
  const port = /\d+$/.exec(authority)?.[0]
  if (status === 403 && port !== '443')
    return `${answerOf(status)}: ${proxy}; it may allow no CONNECT to port ${port} (Squid: acl SSL_ports)`
  if (status < 200 || status > 299) return `${answerOf(status)}: ${proxy}`
  return early > 0 ? `the target sent bytes before the request: ${proxy}` : null
}

/** Why no byte was sent. @param target host:port, for failures that do not name it. */
export function whyNotSent(failure: Error, target: string): string {
  if (failure instanceof Stopped || failure instanceof AddressRefused || failure instanceof ProxyFailed)
    return failure.message
  if (failure instanceof NotResolved) return `name not resolved: ${target}: ${failure.message}`
  const fault = failure instanceof AggregateError ? furthestOf(failure.errors) : failure
  const code = codeOf(fault)
  const where = placeOf(fault) ?? target
  if (code === 'ENOTFOUND') return `name not found: ${target} (${code})`
  if (code === 'EAI_AGAIN') return `name lookup failed: ${target} (${code})`
  if (code === 'ECONNREFUSED') return `connect refused: ${where} (${code})`
  if (code === 'ETIMEDOUT' || code === 'UND_ERR_CONNECT_TIMEOUT') return `connect timed out: ${where} (${code})`
  if (code === 'ECONNRESET' || code === 'EPIPE') return `connection reset before it was sent: ${target} (${code})`
  if (code === 'UND_ERR_INVALID_ARG') return `request refused: ${plain(fault.message)} (${code})`
  if (TLS_CODE.test(code)) return `TLS failed: ${target}: ${plain(tlsReason(fault))} (${code})`
  const lack = lacks[code]
  if (lack !== undefined) return `no socket: ${lack}: ${where} (${code})`
  return `connect failed: ${where}: ${plain(fault.message)} (${code})`
}

/** Where the receiver is not the cause of a failed connect(2). */
const lacks: Readonly<Record<string, string>> = {
  EMFILE: 'the relay has as many files open as it may (LimitNOFILE=)',
  ENFILE: "the relay's machine has too many files open",
  EADDRNOTAVAIL: "the relay's machine has no free port, or no address of that kind",
  ENOBUFS: "the relay's machine has no memory for sockets",
  ENOMEM: "the relay's machine has no memory for sockets",
}

/** Why a started request has no answer. @param afterMs since the attempt began. */
export function whyUnknown(failure: Error, afterMs: number): string {
  if (failure instanceof Stopped) return failure.whenStarted
  const code = codeOf(failure)
  return `${whatBroke(failure, code)} (${code}) after ${Math.round(afterMs)} ms`
}

/** Why the body of a 2xx was not read to its end, though a success rule had to judge it. */
export function whyCut(failure: Error): string {
  if (failure instanceof Late) return 'the body has not ended within the deadline'
  const isOwn = failure instanceof Stopped && !(failure instanceof Aborted)
  return isOwn ? failure.whenStarted : `the body broke off (${codeOf(failure)})`
}

/**
 * What an answer that is no 2xx says.
 *
 * @param location of a redirect. Only its origin is shown, if it is another: a path may hold secrets.
 */
export function whyStatus(status: number, location: string | undefined, url: URL): string {
  const answer = answerOf(status)
  if (status < 300 || status > 399) return answer
  const origin = originOf(location, url)
  return `${answer}: redirects are never followed (to ${origin === url.origin ? 'another URL of this origin' : origin})`
}

function answerOf(status: number): string {
  const words = STATUS_CODES[status]
  return words === undefined ? `HTTP ${status}` : `HTTP ${status} ${words}`
}

const TLS_ALERT = /^ERR_SSL_.*ALERT/
const TLS_CODE = /CERT|TLS|SSL|SIGNATURE|ISSUER|EPROTO/

function whatBroke(failure: Error, code: string): string {
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'connection reset before an answer'
  // In TLS 1.3 a receiver judges the client's certificate after our side of the handshake has ended.
  if (TLS_ALERT.test(code))
    return `TLS ended by the receiver, which may want another certificate: ${plain(tlsReason(failure))}`
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return "the answer's headers are too large"
  if (failure.name === 'HTTPParserError') return `the answer is not HTTP/1.1: ${plain(failure.message)}`
  if (failure.message === 'bad upgrade') return 'the answer switches protocols, which was not asked for: HTTP 101'
  if (code === 'UND_ERR_SOCKET') return 'connection closed before an answer'
  return `connection failed before an answer: ${plain(failure.message)}`
}

/**
 * The failure, among those of a name's addresses, that got furthest: where a server was reached, that is the fault to
 * mend.
 */
export function furthestOf(failures: readonly unknown[]): Error {
  const errors = failures.filter(each => each instanceof Error)
  const furthest = Math.max(...errors.map(reached))
  return errors.find(each => reached(each) === furthest) ?? new Error('no address was tried')
}

/** How far a connection got: 3 TLS, 2 connected, 1 refused, 0 no answer. */
function reached(failure: Error): number {
  const code = codeOf(failure)
  if (TLS_CODE.test(code)) return 3
  if (code === 'ECONNRESET' || code === 'EPIPE') return 2
  return code === 'ECONNREFUSED' ? 1 : 0
}

function codeOf(failure: Error): string {
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name
}

/** The target that a failed connect(2) names. */
function placeOf(failure: Error): string | null {
  if (!('address' in failure && 'port' in failure)) return null
  const address = String(failure.address)
  return address.includes(':') ? `[${address}]:${failure.port}` : `${address}:${failure.port}`
}

/** OpenSSL's messages have lines of its source around the reason. */
function tlsReason(failure: Error): string {
  return 'reason' in failure && typeof failure.reason === 'string' ? failure.reason : failure.message
}

/** Text from outside, such as a certificate's names, as one printable line of at most 200 characters. */
function plain(message: string): string {
  return message.replace(/[\p{Cc}\s]+/gu, ' ').slice(0, 200)
}

function originOf(location: string | undefined, base: URL): string {
  if (location === undefined) return 'nowhere: no Location'
  return URL.canParse(location, base.href) ? plain(new URL(location, base.href).origin) : 'an unreadable Location'
}
