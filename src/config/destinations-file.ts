import { type DestinationRule, type DestinationSettings, Destinations } from '../policy/destinations.ts'
import { canonicalPattern, patternsOver } from '../policy/pattern.ts'
import { durationText } from './duration.ts'
import type { Field } from './field.ts'
import type { Faults, Parsed } from './given.ts'
import { readHeaders } from './headers.ts'
import { type ConfigOf, options } from './options.ts'
import { readProxy } from './proxy.ts'
import { ratePerSecond } from './rate.ts'
import { readSigningKeys } from './signing-keys.ts'
import { readTls } from './tls.ts'
import { readDuration, readInteger } from './values.ts'
import { quote } from './wording.ts'
import { readYamlFile } from './yaml-file.ts'

const MAX_RULES = 10_000

/** 4xx that a rule can have tried again. */
const firstRefusal = 400
const lastRefusal = 499

const known = [
  'match',
  'concurrency',
  'rate',
  'deadline',
  'max-attempts',
  'breaker',
  'headers',
  'retry',
  'unknown',
  'sign',
  'tls',
  'proxy',
]

/** The options that hold for all. Those that could not be read are not there, and faults already. */
type Values = Omit<ConfigOf<'run'>, 'destinations'>

/** The rules of `--config`, if it is given, over the defaults that other options set. */
export function readDestinations(values: Values, faults: Faults): Destinations {
  const defaults: DestinationSettings = Object.freeze({
    concurrency: values.originConcurrency,
    ratePerSecond: null,
    deadlineMs: values.deadlineMs,
    maxAttempts: values.maxAttempts,
    breaker: Object.freeze({ failures: values.breakerFailures, pauseMs: values.breakerPauseMs }),
    headers: Object.freeze([]),
    retry: Object.freeze([]),
    unknown: 'resend',
    signingKeys: Object.freeze([]),
    tls: null,
    proxy: null,
  })
  const root = values.configFile ? readYamlFile('--config', values.configFile, faults) : null
  return new Destinations(root === null ? [] : readRules(root, defaults, values), defaults)
}

function readRules(root: Field, defaults: DestinationSettings, values: Values): DestinationRule[] {
  const fields = root.mapping('origins, a list of rules', ['origins'])
  if (fields === null) return []
  const origins = fields.get('origins') ?? root.missing('origins')
  const rules: DestinationRule[] = []
  const places = new Map<string, Field>()
  for (const field of origins.list(MAX_RULES) ?? []) {
    const rule = readRule(field, defaults, values)
    if (rule === null) continue
    complainOfUnused(rule.match, field, places)
    rules.push(rule)
  }
  return rules
}

function readRule(field: Field, defaults: DestinationSettings, values: Values): DestinationRule | null {
  const fields = field.mapping('a rule, which has match and settings', known)
  if (fields === null) return null
  const match = (fields.get('match') ?? field.missing('match')).read(readPattern)
  const breaker = fields
    .get('breaker')
    ?.mapping('{ failures: N, pause: DURATION }, where failures: 0 switches it off', ['failures', 'pause'])
  const headers = fields.get('headers')
  const retry = fields.get('retry')
  const sign = fields.get('sign')
  const tls = fields.get('tls')
  const proxy = fields.get('proxy')
  if (match?.startsWith('http://')) tls?.complain('never used: there is no TLS over http:')
  const settings = Object.freeze({
    concurrency: fields.get('concurrency')?.read(text => readConcurrency(text, values)) ?? defaults.concurrency,
    ratePerSecond: fields.get('rate')?.read(readRate) ?? defaults.ratePerSecond,
    deadlineMs: fields.get('deadline')?.read(text => readDeadline(text, values)) ?? defaults.deadlineMs,
    maxAttempts: fields.get('max-attempts')?.read(readMaxAttempts) ?? defaults.maxAttempts,
    breaker: Object.freeze({
      failures: breaker?.get('failures')?.read(readFailures) ?? defaults.breaker.failures,
      pauseMs: breaker?.get('pause')?.read(readPause) ?? defaults.breaker.pauseMs,
    }),
    headers: headers === undefined ? defaults.headers : readHeaders(headers),
    retry: retry === undefined ? defaults.retry : readStatuses(retry),
    unknown: fields.get('unknown')?.read(readUnknown) ?? defaults.unknown,
    signingKeys: sign === undefined ? defaults.signingKeys : readSigningKeys(sign),
    tls: tls === undefined ? defaults.tls : readTls(tls),
    proxy: proxy === undefined ? defaults.proxy : readProxy(proxy),
  })
  return match === undefined ? null : { match, settings }
}

/** A rule that no origin ever comes to is a mistake: its secrets are not sent, its limits not kept. */
function complainOfUnused(match: string, field: Field, earlier: Map<string, Field>): void {
  const over = [...patternsOver(match)].find(pattern => earlier.has(pattern))
  if (over !== undefined)
    field.complain(`never used: the first match wins, and ${earlier.get(over)?.path} matches all of ${quote(match)}`)
  else earlier.set(match, field)
}

function readPattern(text: string): Parsed<string> {
  const value = canonicalPattern(text)
  if (value !== null) return { value }
  return {
    expected:
      'scheme://host[:port] without a path, such as https://crm.example, https://*.crm.example or https://crm.example:*; or "*" for any origin',
  }
}

function readConcurrency(text: string, { concurrency }: Values): Parsed<number> {
  const reading = readInteger(text, options.originConcurrency.min, options.originConcurrency.max)
  if ('expected' in reading || !(reading.value > concurrency)) return reading
  return { expected: `at most --concurrency ${concurrency}, which all receivers share` }
}

function readMaxAttempts(text: string): Parsed<number> {
  return readInteger(text, options.maxAttempts.min, options.maxAttempts.max)
}

function readRate(text: string): Parsed<number> {
  const value = ratePerSecond(text)
  return value === null ? { expected: 'N/s, N/m or N/h with N from 1 to 999999, such as 50/s' } : { value }
}

/** The same rule as between the options; see options/invariants.ts. */
function readDeadline(text: string, { leaseMs, leaseMarginMs }: Values): Parsed<number> {
  const reading = readDuration(text, options.deadlineMs.min, options.deadlineMs.max)
  if ('expected' in reading || !(reading.value + leaseMarginMs >= leaseMs)) return reading
  const lease = `--lease ${durationText(leaseMs)} minus --lease-margin ${durationText(leaseMarginMs)}`
  return {
    expected: `less than ${lease}, or another relay could take the lane and send again while an attempt is still running`,
  }
}

function readStatuses(field: Field): readonly number[] {
  const statuses = field.list(lastRefusal - firstRefusal + 1) ?? []
  return Object.freeze(statuses.flatMap(each => each.read(readRefusal) ?? []))
}

function readRefusal(text: string): Parsed<number> {
  return readInteger(text, firstRefusal, lastRefusal)
}

function readUnknown(text: string): Parsed<DestinationSettings['unknown']> {
  if (text === 'resend' || text === 'hold') return { value: text }
  return { expected: 'resend, or hold, which leaves it to an operator' }
}

function readFailures(text: string): Parsed<number> {
  return readInteger(text, options.breakerFailures.min, options.breakerFailures.max)
}

function readPause(text: string): Parsed<number> {
  return readDuration(text, options.breakerPauseMs.min, options.breakerPauseMs.max)
}
