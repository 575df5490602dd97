/**
 * All commands and options in one table. It serves to read values and to write the help, so the two always agree. A key
 * is a field of the config object and carries the unit. From the name come the flag `--name` and the environment
 * variable `RINGBACK_NAME`. Durations are in milliseconds.
 */
import { hostname } from 'node:os'
import type * as v from 'valibot'
import { addressRule, addressRuleForms } from '../delivery/address-rule.ts'
import { encodeForm } from '../delivery/form.ts'
import { isId } from '../ids.ts'
import { isDatabaseUrl } from '../outbox/hosts.ts'
import { isSchemaName } from '../outbox/sql-files.ts'
import type { Destinations } from '../policy/destinations.ts'
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
  run: 'delivers: finds callbacks, POSTs them, records every attempt; until SIGTERM or SIGINT',
  migrate: 'creates the schema, or brings it up to date; safe to repeat and to run twice at once',
  status:
    'says what is waiting, being sent, on hold and dead, which receivers fail, and which relays share the work; ends with 1 when callbacks wait and no relay lives',
  doctor:
    'looks for what endangers delivery, in the server, the schema and the relays, and changes nothing; ends with 1 when there is a fault, with 0 when there are only warnings',
  attempts: 'lists every POST of one callback, with outcome, status and answer',
  try: 'POSTs to a URL as `run` would, without any row, and says step by step what happens; ends with 0 only where a callback would be delivered',
  replay: 'sends callbacks again: some by id, or the dead ones by URL and time',
  ui: 'serves the page for operators: what waits, fails and is dead, and acts on it, as far as the database role may',
  health: 'asks a relay that runs with --listen whether it is ready; ends with 0 when it is, else with 1',
  cancel: 'takes back callbacks that wait: they are never sent',
  hold: 'stops callbacks to a URL, or to all below it, without losing any: they wait',
  release: 'lifts a hold: what waited goes out, in order and slowly at first',
  purge: 'deletes settled callbacks with their attempts: those older than what is kept, or one by id',
  sql: 'lists the cookbook, or prints a file of it: statements for psql, for dashboards, for a receiver',
  keygen: 'makes a key to sign callbacks with, for `sign` in the file of `run --config`',
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
    }).help('Which file. Without it they are listed.'),
  }),
  ...of(['hold', 'release'], {
    heldUrl: text('url', 'URL', {
      default: null,
      argument: 'required',
      accepts: url => /^https?:\/\//i.test(url),
      expected: 'a URL such as https://crm.example/, or http:// or https:// alone for everything',
    }).help('This URL, and those that go on after it with / or ?. http:// or https:// alone stands for everything.'),
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
      accepts: isForm,
      expected: 'a flat JSON object, such as {"flowId": 7, "code": 2}',
    }).help('The fields, as the column form has them.'),
  }),
  ...of(['keygen'], {
    file: text('file', 'FILE', {
      ...file,
      argument: 'optional',
      expected: 'the path of a file that is not there yet',
    }).help(
      'Where the key goes, into a new file that only its owner can read (mode 600). Without it the key is printed.',
    ),
    ed25519: flag('ed25519', false).help(
      'A pair of keys (ed25519): whsk_ signs and stays with the relay; whpk_ is for receivers, who can verify with it and cannot sign; it goes to stderr. Without this flag it is one secret, whsec_, for both sides.',
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
      'The PostgreSQL that holds the outbox. Of several hosts (postgres://user@a:5432,b:5432/database) the first one that is no standby is taken. Prefer a variable or --database-url-file: other users of the machine can read the arguments of a process.',
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
      'The schema that holds the tables of Ringback. The notification channel is named after it, so several outboxes can live in one database.',
    ),
  }),

  ...of(['migrate'], {
    wake: choice('wake', 'HOW', ['keep', 'notify', 'poll'], 'keep').help(
      'How an insert wakes a sleeping relay. keep: as it is, and notify for a new schema. notify: by a trigger, within milliseconds. poll: no trigger, the relay looks every --poll of `ringback run`; needed when producers use PREPARE TRANSACTION (XA), where PostgreSQL forbids NOTIFY. `ringback run` goes by what is installed.',
    ),
    print: flag('print', false).help(
      'Prints the SQL instead of running it, for Flyway, Liquibase or a DBA; needs no database. A relay goes by what the schema itself says, whoever ran it.',
    ),
  }),

  // The relay's name, its limits, and how it retries.
  ...of(['run'], {
    name: text('name', 'NAME', {
      default: hostname().slice(0, 100),
      otherwise: 'the name of the host',
      accepts: name => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(name),
      expected: 'letters, digits, ".", "_" and "-", at most 100 characters',
    }).help('What this relay is called in the tables and the logs.'),
  }),
  ...of(['run', 'try'], {
    concurrency: integer('concurrency', 'POSTs', { default: 64, min: 1, max: 4_096 }).help(
      'POSTs in flight at once that have not waited a second, all receivers together. A crash re-sends these, and what was not yet recorded: outcomes of the last milliseconds, up to 1,000 while the database is slow.',
    ),
  }),
  ...of(['run'], {
    slowConcurrency: integer('slow-concurrency', 'POSTs', { default: 1_024, min: 1, max: 65_536 }).help(
      'POSTs beyond --concurrency that have waited a second for their answer: a receiver that hangs keeps no other waiting. Each costs a socket; lowered at the start where the process may not open so many files. A crash re-sends these, too.',
    ),
  }),
  ...of(['run', 'try'], {
    originConcurrency: integer('origin-concurrency', 'POSTs', { default: 16, min: 1, max: 4_096 }).help(
      'POSTs in flight at once to one origin (scheme, host and port). At most --concurrency.',
    ),
    configFile: text('config', 'FILE', {
      ...file,
      otherwise: 'none',
      expected: 'the path of a readable file of YAML or JSON',
    }).help(
      'A file of YAML or JSON with settings for single receivers: concurrency, rate, deadline, attempts, breaker, headers, retry, unknown, TLS and the key that signs, by origin. What it does not set goes by the options here. Read at the start, and again on SIGHUP. docs/operate/settings.md shows one.',
    ),
  }),
  ...of(['run'], {
    forceSettings: flag('force-settings', false).help(
      'The settings of this relay count as those of most: relays with others stand by, however many they are. Of several such relays the youngest wins. For an emergency; `ringback doctor` warns as long as it is set.',
    ),
  }),
  ...of(['run', 'try'], {
    deadlineMs: duration('deadline', { default: 15 * second, min: 10, max: 10 * minute }).help(
      'The whole of one attempt, from looking up the name to the last byte of the answer. What is not answered by then counts as unknown and is tried again. With --lease-margin, must be shorter than --lease.',
    ),
    connectTimeoutMs: duration('connect-timeout', { default: 5 * second, min: 10, max: 10 * minute }).help(
      'To look up the name, connect, and agree on TLS. An attempt that fails here counts as not_sent. At most --deadline.',
    ),
    maxAttempts: integer('max-attempts', 'attempts', { default: 12, min: 1, max: 10_000 }).help(
      'Attempts before a callback is dead, unless its own column max_attempts, or max-attempts in the file of --config, says otherwise. A replay counts from the start again.',
    ),
    retryBaseMs: duration('retry-base', { default: second, min: 1, max: 24 * hour }).help(
      'The wait after the first failed attempt; it doubles with each further one up to --retry-cap. Half of it is certain, the other half random. At most --retry-cap.',
    ),
    retryCapMs: duration('retry-cap', { default: hour, min: 1, max: 24 * hour }).help(
      'The longest wait between two attempts, unless the receiver asks for more. At least --retry-base.',
    ),
    retryAfterCapMs: duration('retry-after-cap', { default: hour, min: 1, max: 30 * 24 * hour }).help(
      'The longest wait that a receiver can ask for with Retry-After. What it asks for never shortens the wait of --retry-base, and adds no attempts.',
    ),
    breakerFailures: integer('breaker-failures', 'failures', { default: 10, min: 0, max: 1_000 }).help(
      'After so many failed attempts in a row an origin rests for --breaker-pause; then one probe decides. 0: it never rests.',
    ),
    breakerPauseMs: duration('breaker-pause', { default: 2 * second, min: 100, max: hour }).help(
      'How long an origin rests before each probe: what a healed one waits at most. Its rows wait and use up no attempts meanwhile.',
    ),
    excerptBytes: integer('excerpt', 'bytes', { default: 1_024, min: 0, max: 65_536 }).help(
      'How much of the answer to an attempt that was not delivered is kept in attempt.response_excerpt; of one from a private address only where --allow names it. 0 keeps nothing, for receivers whose answers hold personal data.',
    ),
  }),
  ...of(['run', 'purge'], {
    keepDeliveredMs: ageOrNever('keep-delivered', {
      default: 30 * day,
      min: minute,
      max: 36_500 * day,
      zero: true,
    }).help(
      'How long delivered callbacks are kept, for SQL and replay; then they are deleted with their attempts, minutes later, in small batches. never: they are kept for ever. 0: they are deleted as they are recorded, which costs the database least; then there is no record of what was delivered, and no replay. A dedupe_key protects as long as its row is kept.',
    ),
    keepDeadMs: ageOrNever('keep-dead', { default: 90 * day, min: minute, max: 36_500 * day }).help(
      'The same of dead and cancelled callbacks.',
    ),
  }),
  ...of(['run', 'try'], {
    // The addresses that callbacks may go to.
    allow: texts('allow', 'WHERE', {
      ...address,
      otherwise: 'public and private addresses; not loopback, link-local, metadata, multicast, reserved',
    }).help(
      'Where callbacks may go although the class of the address forbids it: an address, a range (10.0.0.0/8), a host (crm.example, *.crm.example), each but the range also with :port. An allowed host may be at any address. Repeatable, or several separated by commas.',
    ),
    deny: texts('deny', 'WHERE', { ...address, otherwise: 'nothing more' }).help(
      'Where callbacks may never go, in the forms of --allow, which it overrules. A denied host can still be reached by another name: deny its address. Repeatable, or several separated by commas.',
    ),

    // How the relay keeps its registration, wakes, uses memory and connections, and stops.
    leaseMs: duration('lease', { default: 30 * second, min: 50, max: hour }).help(
      'How long what a relay has claimed stays its own when it no longer renews: then others find out what became of it. Its other callbacks go on after some 3 s. Renewed each second. Must be longer than --deadline plus --lease-margin.',
    ),
    leaseMarginMs: duration('lease-margin', { default: 2 * second, min: 1, max: 10 * minute }).help(
      'How much earlier than others a relay takes its own lease for over. Covers the pace of two clocks and a renewal on its way.',
    ),
  }),
  ...of(['run'], {
    pollMs: duration('poll', { default: second, min: 10, max: hour }).help(
      'How often a sleeping relay looks without having been woken, in case a notification was lost. With `migrate --wake poll` this is also the latency.',
    ),
    lingerMs: duration('linger', { default: 50, min: 1, max: 10 * second }).help(
      'The window over which the rate of inserts is measured. Above 400/s the relay does without notifications, and looks every few milliseconds.',
    ),
    memoryRows: integer('memory-rows', 'callbacks', { default: 20_000, min: 100, max: 10_000_000 }).help(
      'Waiting callbacks held in memory, about 100 bytes each; the rest wait in the database. Not a limit to the backlog.',
    ),
    prepared: flag('prepared', true).help(
      'Named prepared statements on the busy path. --no-prepared turns them off, for a proxy that does not carry them. A pooler must be in session mode: locks and LISTEN last as long as a session. One in transaction mode is refused.',
    ),
    graceMs: duration('grace', { default: 20 * second, min: 0, max: hour }).help(
      'On SIGTERM or SIGINT, how long POSTs in flight may still take; what is aborted after that counts as unknown. 0s aborts at once. Keep it below the time your process manager waits before SIGKILL.',
    ),
  }),

  ...of(['run'], {
    drain: flag('drain', false).help(
      'Delivers what is due and ends, for tests and batch jobs: when for a second no callback was due or being sent, by whatever relay. Ends with 0 when all that was due is delivered; with 1 when callbacks died meanwhile, failed and wait to be tried again, or wait for a receiver whose breaker is open. What is not due yet, on hold, or behind such a callback is left and counted: the event drained of the log. It gives up, with 1, after twice --lease (10s at least) in which nothing was settled, and at once where the database cannot be reached at the start. While a producer goes on writing, so does it.',
    ),
  }),

  ...of(['run', 'health', 'ui'], {
    listen: parsed('listen', 'ADDRESS', listenAddress, {
      default: null,
      otherwise: '`run` does not listen; `health` asks 127.0.0.1:9464; `ui` listens at 127.0.0.1:9465',
      expected: listenAddressForm,
    }).help(
      'Where the relay serves /metrics, /livez and /readyz over HTTP, to whoever can reach it: 127.0.0.1:9464, or 0.0.0.0:9464 in a container. docs/operate/monitoring.md says what they show. Of `ui`: where the page is served; an address that other machines reach needs --password-file, and a proxy with TLS before it.',
    ),
  }),
  ...of(['ui'], {
    allowHosts: texts('allow-host', 'NAMES', {
      otherwise: 'localhost, 127.0.0.1, [::1] and the host of --listen',
      accepts: name => /^[A-Za-z0-9.-]{1,253}$/.test(name),
      expected: 'a host name, such as ringback.example',
    }).help('Names under which browsers reach the page. Requests for other names are refused.'),
    password: secretFile(
      'password-file',
      'a password of at least 12 characters',
      password => password.length >= 12,
      'none: whoever reaches the address may look, and act as the database role may',
    ).help(
      'A file that only its owner can read (mode 600) and that holds the password of the page. The name of the user does not matter.',
    ),
  }),

  ...of(['health'], {
    live: flag('live', false).help(
      'Asks whether the process is alive instead: 0 also while the database is away or the relay stops.',
    ),
  }),

  ...of(['replay'], {
    ids: texts('id', 'ID', { ...id, otherwise: 'none' }).help(
      'A callback to send again, whether dead, delivered or cancelled; with --now one that waits. Repeatable, or several separated by commas. Not together with --dead.',
    ),
    dead: flag('dead', false).help(
      'Sends dead callbacks again: those that --url and --since leave, or --all. Not together with --id.',
    ),
    all: flag('all', false).help('With --dead and without --url and --since: every dead callback.'),
    now: flag('now', false).help(
      'Ends the wait for the next attempt: of callbacks that failed and wait to be tried again, by --url; or of those that --id names, tried or not. What is settled stays settled. Order and the limits of receivers hold as ever.',
    ),
    url: text('url', 'PREFIX', {
      default: null,
      otherwise: 'any URL',
      accepts: url => /^https?:\/\/./.test(url),
      expected: 'the beginning of a URL, such as https://crm.example/',
    }).help('Only callbacks whose URL begins so, letter by letter. Needs --dead or --now.'),
    since: moment('since', 'any time').help(
      'Only callbacks that died at or after this moment: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 2h. Needs --dead.',
    ),
  }),

  ...of(['cancel'], {
    cancelIds: texts('id', 'ID', { ...id, otherwise: 'none' }).help(
      'A callback to cancel. Repeatable, or several separated by commas.',
    ),
    cancelUrl: text('url', 'PREFIX', {
      default: null,
      otherwise: 'none',
      accepts: url => /^https?:\/\/./.test(url),
      expected: 'the beginning of a URL, such as https://crm.example/',
    }).help('Every callback that waits and whose URL begins so, letter by letter.'),
    key: text('key', 'KEY', {
      default: null,
      otherwise: 'none',
      accepts: key => key !== '',
      expected: 'an ordering key',
    }).help('Every callback that waits and has this ordering_key.'),
  }),

  ...of(['hold'], {
    reason: text('reason', 'TEXT', {
      default: null,
      otherwise: 'none; it must be given',
      accepts: reason => reason.trim() !== '',
      expected: 'a few words, such as "maintenance until noon"',
    }).help('Why, for whoever finds the hold.'),
    exact: flag('exact', false).help('This URL alone.'),
  }),

  ...of(['purge'], {
    purgeId: text('id', 'ID', { ...id, default: null, otherwise: 'none' }).help(
      'One settled callback to delete, whatever its age, and nothing else.',
    ),
    deliveredBefore: moment('delivered-before', '--keep-delivered ago, unless --dead-before is given').help(
      'Deletes the callbacks delivered before this moment: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 30d. Without --dead-before nothing else.',
    ),
    deadBefore: moment('dead-before', '--keep-dead ago, unless --delivered-before is given').help(
      'Deletes the callbacks that became dead or cancelled before this moment. Without --delivered-before nothing else.',
    ),
  }),

  ...of(['migrate', 'replay', 'cancel', 'hold', 'release', 'purge'], {
    dryRun: flag('dry-run', false).help('Says what would be done, and changes nothing.'),
  }),
  ...of(['status', 'doctor', 'attempts', 'replay'], {
    json: flag('json', false).help(
      'One JSON object on stdout instead of text for people. docs/reference/json.md shows its fields.',
    ),
  }),
  ...of([...onDatabase, 'sql', 'keygen', 'health', 'try'], {
    logLevel: choice('log-level', 'LEVEL', ['trace', 'debug', 'info', 'warn', 'error', 'fatal'], 'info').help(
      'The least important events that are logged. With debug and trace, an unexpected error also shows its stack.',
    ),
  }),
  ...of(['run'], {
    logFormat: choice('log-format', 'FORMAT', ['auto', 'json', 'pretty'], 'auto').help(
      'json: one line an event, for machines. pretty: for people. auto: pretty when stdout is a terminal, else json.',
    ),
    trace: choice('trace', 'HOW', ['parent', 'link'], 'parent').help(
      "With an SDK of OpenTelemetry. parent: an attempt belongs to the trace of its callback's traceparent. link: each attempt begins a trace of its own, with a link to that one; for callbacks that are sent long after they were written.",
    ),
  }),
} as const

function isForm(text: string): boolean {
  try {
    encodeForm(text)
    return true
  } catch {
    return false
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
