/**
 * All commands and options: values are read and the help is written from this table. A key is the config field, with
 * its unit. A name gives `--name` and `RINGBACK_NAME`. Durations are milliseconds.
 */
import { hostname } from 'node:os'
import type * as v from 'valibot'
import { addressRule, addressRuleForms } from '../delivery/address-rule.ts'
import { encodeForm } from '../delivery/form.ts'
import { messageOf } from '../errors.ts'
import { isId } from '../ids.ts'
import { isDatabaseUrl } from '../outbox/hosts.ts'
import { isSchemaName } from '../outbox/sql-files.ts'
import { urlStartOf } from '../outbox/url-start.ts'
import type { Destinations } from '../policy/destinations.ts'
import { adaptive } from '../policy/tuning.ts'
import { durationText } from './duration.ts'
import {
  ageOrNever,
  choice,
  duration,
  flag,
  integer,
  type Kind,
  moment,
  parsed,
  secretFile,
  text,
  texts,
} from './kinds.ts'
import { listenAddress, listenAddressForm } from './listen-address.ts'

/** What each command does, for the help. */
export const commands = {
  run: 'delivers: finds callbacks, POSTs them, records every attempt; runs until SIGTERM or SIGINT',
  migrate: 'creates the schema, or brings it up to date; safe to repeat and to run twice at once',
  status:
    'shows how many callbacks wait, are being sent and are dead, which receivers fail, what is on hold, and which relays share the work; exit code 1 if callbacks wait and no relay lives',
  doctor:
    'looks for problems in the server, the schema and the relays, and changes nothing; exit code 1 for a fault, 0 if there are only warnings',
  attempts: 'lists every POST of one callback, with outcome, status and answer',
  try: 'POSTs to a URL as `run` would, without a row, and shows each step; exit code 0 only if a callback would be delivered',
  replay: 'sends callbacks again: by id, or dead ones by URL and time',
  ui: 'serves the page for operators, which shows what waits, fails and is dead; operators can act on it as far as the database role may',
  health: 'asks a relay that runs with --listen whether it is ready; exit code 0 if it is, otherwise 1',
  cancel: 'cancels waiting callbacks: they are never sent',
  hold: 'makes callbacks to a URL, and to those below it, wait; none is lost',
  release: 'lifts a hold: held callbacks are sent in order, slowly at first',
  purge: 'deletes settled callbacks with their attempts: those older than the retention, or one by id',
  sql: 'lists the cookbook, or prints one of its files: statements for psql, dashboards and receivers',
  completion: 'prints the script that completes commands and options in a shell',
  keygen: 'makes a key to sign callbacks, for `sign` in the file of `run --config`',
} as const

export type CommandName = keyof typeof commands

const onDatabase = [
  'run',
  'migrate',
  'status',
  'doctor',
  'attempts',
  'replay',
  'ui',
  'cancel',
  'hold',
  'release',
  'purge',
] as const

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

const file = { default: null, accepts: (path: string) => path !== '' } as const

/** With a whole host: the beginning of a host would also be that of other hosts. */
const prefix = {
  accepts: (url: string) => /^https?:\/\/[^/]+\//i.test(url) && urlStartOf(url).origin !== '',
  expected: 'the beginning of a URL, with the / after its host, such as https://crm.example/',
} as const
const prefixMatch =
  'Upper case in the host, its trailing dot and the default port make no difference; the path is compared exactly.'
const id = {
  accepts: isId,
  expected: 'the id of a callback, a whole number from 1',
}
const address = { accepts: (text: string) => addressRule(text) !== null, expected: addressRuleForms }

/** In the order of the help. */
export const options = {
  ...of(['attempts'], {
    id: text('id', 'ID', { ...id, default: null, argument: 'required' }).help('The callback, by its column id.'),
  }),
  ...of(['sql'], {
    recipe: text('name', 'NAME', {
      default: null,
      argument: 'optional',
      accepts: name => name !== '',
      expected: 'the name of a file of the cookbook',
    }).help('The file to print. Without it, all files are listed.'),
  }),
  ...of(['hold', 'release'], {
    heldUrl: text('url', 'URL', {
      default: null,
      argument: 'required',
      accepts: url => /^https?:\/\//i.test(url),
      expected: 'a URL such as https://crm.example/, or http:// or https:// alone for everything',
    }).help('This URL, and those that continue it with / or ?. http:// or https:// alone stands for everything.'),
  }),
  ...of(['try'], {
    target: text('url', 'URL', {
      default: null,
      argument: 'required',
      accepts: url => /^https?:\/\/[^/?#@]+([/?][^#]*)?$/i.test(url) && URL.canParse(url),
      expected: 'an absolute http: or https: URL without user:password and #fragment',
    }).help('Where to POST.'),
    form: text('form', 'JSON', {
      default: '{}',
      accepts: json => formFault(json) === '',
      expected: json => `a flat JSON object, such as {"flowId": 7, "code": 2}${formFault(json)}`,
    }).help('The fields, as the column form has them.'),
  }),
  ...of(['completion'], {
    shell: {
      ...choice('shell', 'SHELL', ['bash', 'zsh', 'fish'], null).help('The shell: bash, zsh or fish.'),
      argument: 'required',
    },
  }),
  ...of(['keygen'], {
    file: text('file', 'FILE', {
      ...file,
      argument: 'optional',
      expected: 'the path of a file that does not exist yet',
    }).help('A new file for the key, which only its owner can read (mode 600). Without it the key is printed.'),
    ed25519: flag('ed25519', false).help(
      'Makes a pair of keys (ed25519). The relay keeps whsk_, which signs. Receivers get whpk_, which can only verify; it is printed on stderr. Without this flag there is one secret, whsec_, for both sides.',
    ),
  }),

  ...of(onDatabase, {
    databaseUrl: text('database-url', 'URL', {
      default: null,
      otherwise: "DATABASE_URL, or else libpq's PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE",
      accepts: isDatabaseUrl,
      expected:
        'a URL like postgres://user@host:5432/database, with special characters in the password percent-encoded; several hosts are separated by commas, and target_session_attrs is any, read-write or primary',
      show: () => 'a value that is not shown',
      alsoVariable: 'DATABASE_URL',
    }).help(
      'The PostgreSQL database with the outbox. With several hosts (postgres://user@a:5432,b:5432/database), the first that is not a standby is used. Prefer a variable or --database-url-file: other users of the machine can read the arguments of a process.',
    ),
    databaseUrlFile: text('database-url-file', 'FILE', {
      ...file,
      otherwise: 'DATABASE_URL_FILE, or else none',
      expected: 'the path of a readable file that holds a URL like postgres://user@host:5432/database',
      alsoVariable: 'DATABASE_URL_FILE',
    }).help(
      'A file that holds the URL of the database and nothing else, such as a mounted secret. Not together with --database-url or DATABASE_URL.',
    ),
  }),
  ...of([...onDatabase, 'sql'], {
    schema: text('schema', 'NAME', {
      default: 'outbox',
      accepts: isSchemaName,
      expected: 'a lower-case SQL name: letters, digits and _, no digit first, at most 40 characters',
    }).help(
      'The schema with the tables of Ringback. The notification channel has the same name, so one database can hold several outboxes.',
    ),
  }),

  ...of(['migrate'], {
    wake: choice('wake', 'HOW', ['keep', 'notify', 'poll'], 'keep').help(
      'How an insert wakes a sleeping relay. notify: by a trigger, within milliseconds. poll: no trigger, the relay polls at the interval --poll of `ringback run`. Producers that use PREPARE TRANSACTION (XA) need it, since PostgreSQL forbids NOTIFY there. keep: no change; a new schema gets notify. `ringback run` uses what is installed.',
    ),
    print: flag('print', false).help(
      'Prints the SQL instead of running it, for Flyway, Liquibase or a DBA; needs no database. It does not matter to a relay who runs the SQL.',
    ),
  }),

  // The relay's name, its limits, and how it retries.
  ...of(['run'], {
    name: text('name', 'NAME', {
      default: hostname().slice(0, 100),
      otherwise: 'the name of the host',
      accepts: name => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name),
      expected: 'letters, digits, ".", "_" and "-", at most 100 characters',
    }).help('The name of this relay in the tables and the logs.'),
  }),
  ...of(['run', 'try'], {
    concurrency: integer('concurrency', 'POSTs', { default: 256, min: 1, max: 4_096 }).help(
      'Most POSTs in flight that have waited less than a second, over all receivers. After a crash these are sent again, and so are callbacks whose outcome was not recorded yet: those of the last milliseconds, up to 1,000 while the database is slow.',
    ),
  }),
  ...of(['run'], {
    slowConcurrency: integer('slow-concurrency', 'POSTs', { default: 1_024, min: 1, max: 65_536 }).help(
      'Most POSTs in flight that have waited longer than a second for their answer. They do not count for --concurrency, so a receiver that hangs does not delay others. Each needs a socket; the number is lowered at the start if the process may not open so many files. After a crash these are sent again, too.',
    ),
  }),
  ...of(['run', 'try'], {
    originConcurrency: integer('origin-concurrency', 'POSTs', {
      default: null,
      otherwise: `${adaptive.concurrency}, growing up to ${adaptive.growsTo}`,
      min: 1,
      max: 4_096,
    }).help(
      'Most POSTs in flight to one origin (scheme, host and port). At most --concurrency. Without a number it grows while callbacks wait and the answers come about as quickly as with fewer POSTs. A number is a limit that does not grow.',
    ),
    configFile: text('config', 'FILE', {
      ...file,
      otherwise: 'none',
      expected: 'the path of a readable file of YAML or JSON',
    }).help(
      'A file of YAML or JSON with settings per receiver (origin): concurrency, rate, deadline, attempts, breaker, body, headers, retry, success, unknown, TLS, proxy and signing key. The options here apply to everything that it does not set. Read at the start, and again on SIGHUP. docs/operate/settings.md shows an example.',
    ),
  }),
  ...of(['run'], {
    forceSettings: flag('force-settings', false).help(
      'Makes all relays with other settings stand by, even if they are the majority. If several relays have this flag, the youngest decides. For emergencies; `ringback doctor` warns while it is set.',
    ),
  }),
  ...of(['run', 'try'], {
    deadlineMs: duration('deadline', { default: 15 * second, min: 10, max: 10 * minute }).help(
      'Time for one whole attempt, from looking up the name to the last byte of the answer. An attempt without an answer by then counts as unknown and is retried. Together with --lease-margin it must be shorter than --lease.',
    ),
    connectTimeoutMs: duration('connect-timeout', { default: 5 * second, min: 10, max: 10 * minute }).help(
      'Time to look up the name, connect, and agree on TLS. An attempt that fails in this phase counts as not_sent. At most --deadline.',
    ),
    maxAttempts: integer('max-attempts', 'attempts', { default: 12, min: 1, max: 10_000 }).help(
      'Attempts before a callback is dead. Its column max_attempts takes precedence, and then max-attempts in the file of --config. A replay starts the count again.',
    ),
    retryBaseMs: duration('retry-base', { default: second, min: 1, max: 24 * hour }).help(
      'The wait after the first failed attempt. It doubles with each further one, up to --retry-cap. Half of each wait is fixed, the other half is random. At most --retry-cap.',
    ),
    retryCapMs: duration('retry-cap', { default: hour, min: 1, max: 24 * hour }).help(
      'The longest wait between two attempts, unless the receiver asks for more. At least --retry-base.',
    ),
    retryAfterCapMs: duration('retry-after-cap', { default: hour, min: 1, max: 30 * 24 * hour }).help(
      'The longest wait that a receiver can ask for with Retry-After. It can lengthen the wait of --retry-base, but never shortens it, and adds no attempts.',
    ),
    breakerFailures: integer('breaker-failures', 'failures', { default: 10, min: 0, max: 1_000 }).help(
      'Number of failed attempts in a row after which an origin rests for --breaker-pause. Then one callback is sent as a probe. 0: origins never rest.',
    ),
    breakerPauseMs: duration('breaker-pause', { default: 2 * second, min: 100, max: hour }).help(
      'How long an origin rests before the first probe; the pause doubles with each failed probe, up to a minute. Its callbacks wait meanwhile and use up no attempts.',
    ),
    excerptBytes: integer('excerpt', 'bytes', { default: 1_024, min: 0, max: 65_536 }).help(
      'How much of an answer is kept in attempt.response_excerpt, for attempts that were not delivered. Answers from private addresses are kept only if --allow names the address. 0 keeps nothing, for receivers whose answers hold personal data.',
    ),
  }),
  ...of(['run', 'purge'], {
    keepDeliveredMs: ageOrNever('keep-delivered', {
      default: 30 * day,
      min: minute,
      max: 36_500 * day,
      zero: true,
    }).help(
      'How long delivered callbacks are kept, for SQL and replay. After that they are deleted with their attempts, minutes later, in small batches. never: they are kept for ever. 0: they are deleted instead of being recorded, which costs the database least, but leaves no history and no replay. A dedupe_key has effect only while its row is kept.',
    ),
    keepDeadMs: ageOrNever('keep-dead', { default: 90 * day, min: minute, max: 36_500 * day }).help(
      'The same for dead and cancelled callbacks.',
    ),
  }),
  ...of(['run', 'try'], {
    // The addresses that callbacks may go to.
    allow: texts('allow', 'WHERE', {
      ...address,
      otherwise: 'public and private addresses; not loopback, link-local, metadata, multicast, reserved',
    }).help(
      'Destinations that are allowed although the class of their address forbids it: an address, a range (10.0.0.0/8), or a host (crm.example, *.crm.example). An address and a host may have a :port. An allowed host may have any address. Repeatable, or several separated by commas.',
    ),
    deny: texts('deny', 'WHERE', { ...address, otherwise: 'nothing more' }).help(
      'Destinations that are never allowed, written as for --allow, over which it takes precedence. A denied host can still be reached by another name: deny its address instead. Repeatable, or several separated by commas.',
    ),

    // How the relay keeps its registration, wakes, uses memory and connections, and stops.
    leaseMs: duration('lease', { default: 30 * second, min: 50, max: hour }).help(
      'How long a relay owns its claimed callbacks without renewing; it renews each second. After that, other relays take them over. Callbacks that it had not claimed go on at other relays after some 3 s. Must be longer than --deadline plus --lease-margin.',
    ),
    leaseMarginMs: duration('lease-margin', { default: 2 * second, min: 1, max: 10 * minute }).help(
      'How much earlier a relay gives up its own lease than others take it over. It covers different speeds of two clocks, and a renewal that is under way.',
    ),
  }),
  ...of(['run'], {
    pollMs: duration('poll', { default: second, min: 10, max: hour }).help(
      'How often a sleeping relay polls, in case a notification was lost. With `migrate --wake poll` this is also the latency.',
    ),
    lingerMs: duration('linger', { default: 50, min: 1, max: 10 * second }).help(
      'The window over which the insert rate is measured. Above 400/s the relay stops using notifications and polls every few milliseconds.',
    ),
    memoryRows: integer('memory-rows', 'callbacks', { default: 20_000, min: 100, max: 10_000_000 }).help(
      'Most waiting callbacks in memory, about 100 bytes each. The others wait in the database, without a limit.',
    ),
    prepared: flag('prepared', true).help(
      'Uses named prepared statements on the busy path. --no-prepared turns them off, for a proxy that does not support them. A pooler must be in session mode, since locks and LISTEN belong to a session. A pooler in transaction mode is refused.',
    ),
    graceMs: duration('grace', { default: 20 * second, min: 0, max: hour }).help(
      'How long POSTs in flight may still take after SIGTERM or SIGINT. Later ones are aborted and count as unknown. 0s aborts at once. Keep it shorter than the time your process manager waits before SIGKILL.',
    ),
  }),

  ...of(['run'], {
    drain: flag('drain', false).help(
      'Delivers what is due and ends, for tests and batch jobs. It ends once no callback has been due or being sent, by any relay, for a second. Exit code 0: all due callbacks are delivered. Exit code 1: callbacks died meanwhile, wait for a retry, or wait for a receiver whose breaker is open. Callbacks that are not due, are held, or wait behind such a callback are left; the log event drained counts them. It gives up with 1 if nothing was settled for twice --lease (at least 10s), and at once if it cannot reach the database at the start. It does not end while a producer keeps writing.',
    ),
  }),

  ...of(['run', 'health', 'ui'], {
    listen: parsed('listen', 'ADDRESS', listenAddress, {
      default: null,
      otherwise: '`run` does not listen; `health` asks 127.0.0.1:9464; `ui` listens at 127.0.0.1:9465',
      expected: listenAddressForm,
    }).help(
      'Where the relay serves /metrics, /livez and /readyz over HTTP, to everyone who can reach it: 127.0.0.1:9464, or 0.0.0.0:9464 in a container. docs/operate/monitoring.md describes them. For `ui`: where the page is served. An address that other machines can reach needs --password-file, and a TLS proxy in front.',
    ),
  }),
  ...of(['ui'], {
    allowHosts: texts('allow-host', 'NAMES', {
      otherwise: 'localhost, 127.0.0.1, [::1] and the host of --listen',
      accepts: name => /^[A-Za-z0-9.-]{1,253}$/.test(name),
      expected: 'a host name, such as ringback.example',
    }).help('Host names by which browsers reach the page. Requests for other names are refused.'),
    password: secretFile(
      'password-file',
      'a password of at least 12 characters',
      password => password.length >= 12,
      'none: everyone who reaches the address can see the page, and act as the database role may',
    ).help(
      'A file with the password of the page, which only its owner can read (mode 600). Any user name is accepted.',
    ),
  }),

  ...of(['health'], {
    live: flag('live', false).help(
      'Asks instead whether the process is alive. Exit code 0 also while the database is away or the relay stops.',
    ),
  }),

  ...of(['replay'], {
    ids: texts('id', 'ID', { ...id, otherwise: 'none' }).help(
      'A callback to send again: dead, delivered or cancelled; with --now: waiting. Repeatable, or several separated by commas. Not together with --dead.',
    ),
    dead: flag('dead', false).help(
      'Sends dead callbacks again: those that match --url and --since, or --all. Not together with --id.',
    ),
    all: flag('all', false).help('With --dead and without --url and --since: every dead callback.'),
    now: flag('now', false).help(
      'Retries now instead of later: with --url, callbacks that failed and wait for a retry; with --id, any waiting callback. Settled callbacks are left alone. The order of keys and the limits of receivers still apply.',
    ),
    url: text('url', 'PREFIX', {
      default: null,
      otherwise: 'any URL',
      ...prefix,
    }).help(`Only callbacks whose URL begins with this. ${prefixMatch} Needs --dead or --now.`),
    since: moment('since', 'any time').help(
      'Only callbacks that became dead at this time or later: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 2h. Needs --dead.',
    ),
  }),

  ...of(['cancel'], {
    cancelIds: texts('id', 'ID', { ...id, otherwise: 'none' }).help(
      'A callback to cancel. Repeatable, or several separated by commas.',
    ),
    cancelUrl: text('url', 'PREFIX', {
      default: null,
      otherwise: 'none',
      ...prefix,
    }).help(`All waiting callbacks whose URL begins with this. ${prefixMatch}`),
    key: text('key', 'KEY', {
      default: null,
      otherwise: 'none',
      accepts: key => key !== '',
      expected: 'an ordering key',
    }).help('All waiting callbacks with this ordering_key.'),
  }),

  ...of(['hold'], {
    reason: text('reason', 'TEXT', {
      default: null,
      otherwise: 'none; it must be given',
      accepts: reason => reason.trim() !== '',
      expected: 'a few words, such as "maintenance until noon"',
    }).help('The reason, for people who find the hold.'),
    exact: flag('exact', false).help('Holds only this URL, not those below it.'),
  }),

  ...of(['purge'], {
    purgeId: text('id', 'ID', { ...id, default: null, otherwise: 'none' }).help(
      'One settled callback to delete, of any age, and nothing else.',
    ),
    deliveredBefore: moment('delivered-before', '--keep-delivered ago, unless --dead-before is given').help(
      'Deletes callbacks delivered before this time: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 30d. Dead and cancelled ones are deleted only if --dead-before is given, too.',
    ),
    deadBefore: moment('dead-before', '--keep-dead ago, unless --delivered-before is given').help(
      'Deletes callbacks that became dead or cancelled before this time. Delivered ones are deleted only if --delivered-before is given, too.',
    ),
  }),

  ...of(['migrate', 'replay', 'cancel', 'hold', 'release', 'purge'], {
    dryRun: flag('dry-run', false).help('Shows what would be done, and changes nothing.'),
  }),
  ...of(['status', 'doctor', 'attempts', 'replay', 'sql'], {
    json: flag('json', false).help(
      'Prints one JSON object on stdout instead of text for people. docs/reference/json.md describes its fields.',
    ),
  }),
  ...of([...onDatabase, 'sql', 'completion', 'keygen', 'health', 'try'], {
    logLevel: choice('log-level', 'LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'info').help(
      'The least important events that are logged. With debug and trace, an unexpected error also shows its stack.',
    ),
  }),
  ...of(['run'], {
    logFormat: choice('log-format', 'FORMAT', ['auto', 'json', 'pretty'], 'auto').help(
      'json: one line per event, for machines. pretty: for people. auto: pretty if stdout is a terminal, otherwise json.',
    ),
    trace: choice('trace', 'HOW', ['parent', 'link'], 'parent').help(
      "With an OpenTelemetry SDK. parent: an attempt belongs to the trace of its callback's traceparent. link: each attempt starts a trace of its own, with a link to that trace; for callbacks that are sent long after they were written.",
    ),
  }),
} as const

/** Why it is no form, such as `: field "a": a nested object cannot be sent`; empty: it is one. */
function formFault(json: string): string {
  try {
    encodeForm(json)
    return ''
  } catch (error) {
    return messageOf(error).replace(/^form/, '')
  }
}

/** Options of these commands. */
function of<const C extends readonly CommandName[], O extends Readonly<Record<string, Kind>>>(taking: C, kinds: O) {
  const entries = Object.entries(kinds).map(([key, kind]) => [key, Object.freeze({ ...kind, commands: taking })])
  return Object.fromEntries(entries) as { readonly [K in keyof O]: O[K] & { readonly commands: C } }
}

export interface Option extends Kind {
  readonly commands: readonly CommandName[]
}

type Options = typeof options
export type OptionKey = keyof Options

type OutputOf<S> = S extends (nowMs: number) => infer R
  ? OutputOf<R>
  : S extends v.GenericSchema
    ? v.InferOutput<S>
    : never
type ValueOf<O extends Option> = OutputOf<O['schema']> | (O extends { argument: 'required' } ? never : O['default'])

/** The value of every option, of all commands. */
export type Values = { readonly [K in OptionKey]: ValueOf<Options[K]> }

/** The config of a command: its own options, each with a valid value. All commands have a log level. */
export type ConfigOf<C extends CommandName> = Pick<Values, 'logLevel'> & {
  readonly [K in OptionKey as C extends Options[K]['commands'][number] ? K : never]: Values[K]
} & (C extends 'run' | 'try' ? Made : unknown)

/** Built from several options of `run` and `try`. */
interface Made {
  /** The settings of each origin, from `--config` and the options that apply to all. */
  readonly destinations: Destinations
}

/** In the order of the help. */
export function optionsOf(command: CommandName): readonly (readonly [OptionKey, Option])[] {
  return allOptions().filter(([, option]) => option.commands.includes(command))
}

export function allOptions(): readonly (readonly [OptionKey, Option])[] {
  return Object.entries(options) as [OptionKey, Option][]
}

/** An option as typed. */
export function flagOf(option: Option): string {
  return option.argument ? `<${option.name}>` : `--${option.name}`
}

/** For example `RINGBACK_MAX_ATTEMPTS`; null for an argument. */
export function variableOf(option: Option): string | null {
  return option.argument ? null : `RINGBACK_${option.name.toUpperCase().replaceAll('-', '_')}`
}

/** What applies without the option, in the words of the help. */
export function defaultText(option: Option): string {
  if (option.otherwise !== undefined) return option.otherwise
  return option.value === 'DURATION' ? durationText(Number(option.default)) : String(option.default)
}
