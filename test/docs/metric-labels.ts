/** The values of the labels that have a fixed set of them, as a relay shows them, and what each means. */
import { Metrics, type MetricsSource } from '../../src/operate/metrics.ts'
import { state, survey } from '../fixtures/surveyed.ts'

/** By metric, without its prefix, and label. */
const meanings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'attempts_total outcome': {
    delivered: 'a 2xx that meets the rule of the receiver',
    rejected: 'a permanent refusal: the callback is dead',
    failed: 'any other answer',
    not_sent: 'no byte left',
    unknown: 'it may have arrived: a timeout, a reset, a relay that died',
  },
  'settled_total status': { delivered: '', dead: '' },
  'settled_total reason': {
    delivered: 'with status `delivered`',
    rejected: 'the last attempt ended so',
    gave_up: 'no attempt was left',
    unknown: 'it may have arrived, and the rule of the receiver says `unknown: hold`',
    expired: '`expires_at` had passed',
    other: 'any other reason',
  },
  'origins state': {
    failing: 'has failed ten times in a row, or for half a minute',
    resting: 'its breaker is open, or it sent a `Retry-After`',
    waiting: 'has callbacks',
  },
  'urls state': {
    apart: 'its callbacks wait apart',
    resting: 'its own breaker is open, or it sent a `Retry-After`',
  },
  'connections state': { busy: 'with a POST on it', idle: 'open, and free' },
  'callbacks state': {
    due: 'may go now, as far as its key and its receiver allow; callbacks on hold are among them',
    later: 'delayed, or waits to be tried again',
    claimed: 'is being sent',
    dead: '',
  },
}

/** By metric and label. */
async function shown(): Promise<Map<string, Set<string>>> {
  const metrics = new Metrics({ memoryLimit: 0, surveyMs: 1_000 })
  // Without traffic it asks about no origin.
  metrics.attach({ state } as MetricsSource)
  metrics.surveyed(survey)
  const values = new Map<string, Set<string>>()
  for (const [, name, labels = ''] of (await metrics.text()).matchAll(/^ringback_(\w+)\{(.*)\}/gm))
    for (const [, label, value = ''] of labels.matchAll(/(status|reason|outcome|state)="(\w+)"/g)) {
      const key = `${name} ${label}`
      values.set(key, (values.get(key) ?? new Set()).add(value))
    }
  return values
}

/** @throws Error when a value has no meaning here, or a meaning no value. */
async function table(): Promise<string> {
  const values = await shown()
  const lines = Object.entries(meanings).map(([key, meant]) => {
    const found = [...(values.get(key) ?? [])].sort()
    const named = Object.keys(meant)
    if (found.join() !== [...named].sort().join()) throw new Error(`${key}: shows ${found}, and ${named} are described`)
    const [metric, label] = key.split(' ')
    const described = Object.entries(meant).map(([value, meaning]) => `\`${value}\`${meaning && `: ${meaning}`}`)
    return `| \`ringback_${metric}\` | \`${label}\` | ${described.join('<br>')} |`
  })
  const missing = [...values.keys()].filter(key => !(key in meanings))
  if (missing.length > 0) throw new Error(`${missing.join(', ')} is not described`)
  return ['| metric | label | values |', '| --- | --- | --- |', ...lines].join('\n')
}

export const labelValues = await table()
