import { dirname } from 'node:path'
import * as v from 'valibot'
import { type DestinationRule, type DestinationSettings, Destinations } from '../policy/destinations.ts'
import { canonicalPattern, patternsOver } from '../policy/pattern.ts'
import { adaptive } from '../policy/tuning.ts'
import { durationText } from './duration.ts'
import { headersSchema } from './headers.ts'
import { wholeNumber } from './kinds.ts'
import { type ConfigOf, options } from './options.ts'
import { proxySchema } from './proxy.ts'
import { ratePerSecond } from './rate.ts'
import { listOf, mapping, reads, required, says, together } from './reading.ts'
import { signingKeysSchema } from './signing-keys.ts'
import { successSchema } from './success.ts'
import { tlsSchema } from './tls.ts'
import { quote } from './wording.ts'
import { readYamlFile } from './yaml-file.ts'

const MAX_RULES = 10_000

/** The options that apply to all origins. Options that could not be read are missing, and faults already. */
type Values = Omit<ConfigOf<'try'>, 'destinations' | 'target' | 'form'>

/** The rules of `--config`, if given. Other options set the defaults. */
export function readDestinations(values: Values, faults: string[]): Destinations {
  const defaults: DestinationSettings = Object.freeze({
    ...concurrencyOf(values),
    ratePerSecond: null,
    deadlineMs: values.deadlineMs,
    maxAttempts: values.maxAttempts,
    breaker: Object.freeze({ failures: values.breakerFailures, pauseMs: values.breakerPauseMs }),
    body: 'form',
    headers: Object.freeze([]),
    retry: Object.freeze([]),
    success: null,
    unknown: 'resend',
    signingKeys: Object.freeze([]),
    tls: null,
    proxy: null,
  })
  const file = values.configFile
  const found = file ? readYamlFile('--config', file, fileSchema(values, defaults, dirname(file)), faults) : null
  return new Destinations(found?.read.origins ?? [], defaults, found?.json)
}

function fileSchema(values: Values, defaults: DestinationSettings, folder: string) {
  return mapping('origins, a list of rules', {
    origins: required(v.pipe(listOf(ruleSchema(values, defaults, folder), MAX_RULES), v.rawCheck(complainOfUnused))),
  })
}

const match = reads(
  'scheme://host[:port] without a path, such as https://crm.example, https://*.crm.example or https://crm.example:*; or "*" for any origin',
  canonicalPattern,
)
const rate = reads('N/s, N/m or N/h with N from 1 to 999999, such as 50/s', ratePerSecond)
const breaker = mapping('{ failures: N, pause: DURATION }, where failures: 0 switches it off', {
  failures: v.optional(options.breakerFailures.schema),
  pause: v.optional(options.breakerPauseMs.schema),
})
const body = reads('form, or json, which sends the form as it was written', text =>
  text === 'form' || text === 'json' ? text : null,
)
const unknown = reads('resend, or hold, which leaves the callback to an operator', text =>
  text === 'resend' || text === 'hold' ? text : null,
)
/** The statuses that a rule may retry. */
const refusals = { min: 400, max: 499 }

function ruleSchema(values: Values, defaults: DestinationSettings, folder: string) {
  return v.pipe(
    mapping('a rule, which has match and settings', {
      match: required(match),
      concurrency: v.optional(concurrencySchema(values)),
      rate: v.optional(rate),
      deadline: v.optional(deadlineSchema(values)),
      'max-attempts': v.optional(options.maxAttempts.schema),
      breaker: v.optional(breaker),
      body: v.optional(body),
      headers: v.optional(headersSchema(folder)),
      retry: v.optional(listOf(wholeNumber(refusals), refusals.max - refusals.min + 1)),
      success: v.optional(successSchema),
      unknown: v.optional(unknown),
      sign: v.optional(signingKeysSchema(folder)),
      tls: v.optional(tlsSchema(folder)),
      proxy: v.optional(proxySchema(folder)),
    }),
    together(({ match, tls }, complain) => {
      if (typeof match === 'string' && match.startsWith('http://') && tls !== undefined)
        complain('tls', 'never used: there is no TLS over http:')
    }),
    v.transform(
      (rule): DestinationRule => ({
        match: rule.match,
        settings: Object.freeze({
          concurrency: rule.concurrency ?? defaults.concurrency,
          growsTo: rule.concurrency ?? defaults.growsTo,
          ratePerSecond: rule.rate ?? defaults.ratePerSecond,
          deadlineMs: rule.deadline ?? defaults.deadlineMs,
          maxAttempts: rule['max-attempts'] ?? defaults.maxAttempts,
          breaker: Object.freeze({
            failures: rule.breaker?.failures ?? defaults.breaker.failures,
            pauseMs: rule.breaker?.pause ?? defaults.breaker.pauseMs,
          }),
          body: rule.body ?? defaults.body,
          headers: rule.headers ?? defaults.headers,
          retry: rule.retry ?? defaults.retry,
          success: rule.success ?? defaults.success,
          unknown: rule.unknown ?? defaults.unknown,
          signingKeys: rule.sign ?? defaults.signingKeys,
          tls: rule.tls ?? defaults.tls,
          proxy: rule.proxy ?? defaults.proxy,
        }),
      }),
    ),
  )
}

/** A number is a hard limit. */
function concurrencyOf({ originConcurrency, concurrency }: Values) {
  const { concurrency: atFirst, growsTo } = adaptive
  return {
    concurrency: originConcurrency ?? Math.min(atFirst, concurrency),
    growsTo: originConcurrency ?? Math.min(growsTo, concurrency),
  }
}

function concurrencySchema({ concurrency }: Values) {
  return v.pipe(
    options.originConcurrency.schema,
    v.check(value => !(value > concurrency), says(`at most --concurrency ${concurrency}, which all receivers share`)),
  )
}

/** The same rule as for the options; see invariants.ts. */
function deadlineSchema({ leaseMs, leaseMarginMs }: Values) {
  const lease = () => `--lease ${durationText(leaseMs)} minus --lease-margin ${durationText(leaseMarginMs)}`
  return v.pipe(
    options.deadlineMs.schema,
    v.check(
      ms => !(ms + leaseMarginMs >= leaseMs),
      says(
        () => `less than ${lease()}, or another relay could send again while an attempt is still running`,
        ms => quote(durationText(Number(ms))),
      ),
    ),
  )
}

/** A rule that never applies is a mistake: its secrets are not sent, and its limits do not hold. */
function complainOfUnused({ dataset, addIssue }: v.RawCheckContext<readonly DestinationRule[]>): void {
  const input = Array.isArray(dataset.value) ? dataset.value : []
  const earlier = new Map<string, number>()
  for (const [key, value] of input.entries()) {
    // The pattern may be readable even if the rule has other faults.
    const match: unknown = value?.match
    if (typeof match !== 'string' || canonicalPattern(match) !== match) continue
    const over = [...patternsOver(match)].find(pattern => earlier.has(pattern))
    if (over === undefined) earlier.set(match, key)
    else
      addIssue({
        message: `never used: the first matching rule applies, and origins[${earlier.get(over)}] matches all of ${quote(match)}`,
        path: [{ type: 'array', origin: 'value', input, key, value }],
      })
  }
}
