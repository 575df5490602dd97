/**
 * All commands and options, as one table. `config` reads values by it and `usage` writes the help from it, so the two
 * cannot disagree. A key is the field of the config object and carries the unit; `name` is the flag, `--name`, and, in
 * capitals behind `RINGBACK_`, the environment variable.
 */
import { hostname } from 'node:os'

export const commands = {
  run: { summary: 'delivers: finds callbacks, POSTs them, records every attempt; until SIGTERM or SIGINT' },
  migrate: { summary: 'creates the schema, or brings it up to date; safe to repeat and to run twice at once' },
  status: { summary: 'says what is waiting, being sent, on hold and dead, and which relays share the work' },
  attempts: { summary: 'lists every POST of one callback, with outcome, status and answer' },
  replay: { summary: 'sends callbacks again: some by id, or the dead ones by URL and time' },
  demo: { summary: 'shows it all on this machine, with a PostgreSQL, a scheduler and a receiver of its own' },
} as const

export type CommandName = keyof typeof commands

interface Described {
  /** Without dashes. */
  readonly name: string
  readonly commands: readonly CommandName[]
  /** One paragraph: what, special values, relation to other options. Default, range and variable are added by `usage`. */
  readonly help: string
}

interface Duration extends Described {
  readonly type: 'duration'
  /** These three in milliseconds. */
  readonly default: number
  readonly min: number
  readonly max: number
}

interface Integer extends Described {
  readonly type: 'integer'
  readonly unit: string
  readonly default: number
  readonly min: number
  readonly max: number
}

interface Text extends Described {
  readonly type: 'text'
  /** How the value is called in the help. */
  readonly value: string
  readonly default: string | null
  /** What holds without it, in words, where `default` does not say it. */
  readonly otherwise?: string
  readonly accepts: (text: string) => boolean
  readonly expected: string
  /** Never repeated in a message. */
  readonly secret?: true
  /** A second environment variable, looked at last. */
  readonly alsoVariable?: string
  /** Given without a flag, by its place, and required; has no environment variable. */
  readonly argument?: true
}

/** A moment: ISO 8601, or a duration ago. The config holds ISO 8601 in UTC. */
interface Time extends Described {
  readonly type: 'time'
  readonly default: null
  readonly otherwise: string
}

interface Choice extends Described {
  readonly type: 'choice'
  readonly value: string
  readonly choices: readonly string[]
  readonly default: string
}

interface Flag extends Described {
  readonly type: 'flag'
  readonly default: boolean
}

/** Repeatable, or separated by commas. */
interface List extends Described {
  readonly type: 'list'
  readonly value: string
  readonly default: readonly string[]
  readonly otherwise: string
  /** Of each item. */
  readonly accepts: (text: string) => boolean
  readonly expected: string
}

export type Option = Duration | Integer | Text | Time | Choice | Flag | List

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

const onDatabase = ['run', 'migrate', 'status', 'attempts', 'replay'] as const
const everywhere = [...onDatabase, 'demo'] as const

const isId = (text: string): boolean => /^[1-9]\d{0,18}$/.test(text) && BigInt(text) < 2n ** 63n
const idExpected = 'the id of a callback, a whole number from 1'

export const options = {
  id: {
    type: 'text',
    name: 'id',
    value: 'ID',
    argument: true,
    commands: ['attempts'],
    default: null,
    accepts: isId,
    expected: idExpected,
    help: 'The callback, by its column id.',
  },
  databaseUrl: {
    type: 'text',
    name: 'database-url',
    value: 'URL',
    commands: onDatabase,
    default: null,
    otherwise: "DATABASE_URL, or else libpq's PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE",
    accepts: isDatabaseUrl,
    expected: 'a URL like postgres://user@host:5432/database, with special characters in the password percent-encoded',
    secret: true,
    alsoVariable: 'DATABASE_URL',
    help: 'The PostgreSQL that holds the outbox. Prefer a variable or --database-url-file: other users of the machine can read the arguments of a process.',
  },
  databaseUrlFile: {
    type: 'text',
    name: 'database-url-file',
    value: 'FILE',
    commands: onDatabase,
    default: null,
    otherwise: 'none',
    accepts: isNotEmpty,
    expected: 'the path of a readable file that holds a URL like postgres://user@host:5432/database',
    help: 'A file that holds the URL of the database and nothing else, such as a mounted secret. Not together with --database-url or DATABASE_URL.',
  },
  schema: {
    type: 'text',
    name: 'schema',
    value: 'NAME',
    commands: onDatabase,
    default: 'outbox',
    accepts: text => /^[a-z_][a-z0-9_]{0,39}$/.test(text),
    expected: 'a lower-case SQL name: letters, digits and _, no digit first, at most 40 characters',
    help: 'The schema that holds the tables of Ringback. The notification channel is named after it, so several outboxes can live in one database.',
  },
  wake: {
    type: 'choice',
    name: 'wake',
    value: 'HOW',
    commands: ['migrate'],
    choices: ['keep', 'notify', 'poll'],
    default: 'keep',
    help: 'How an insert wakes a sleeping relay. keep: as it is, and notify for a new schema. notify: by a trigger, within milliseconds. poll: no trigger, the relay looks every --poll of `ringback run`; needed when producers use PREPARE TRANSACTION (XA), where PostgreSQL forbids NOTIFY. `ringback run` goes by what is installed.',
  },
  name: {
    type: 'text',
    name: 'name',
    value: 'NAME',
    commands: ['run'],
    default: hostname().slice(0, 100),
    otherwise: 'the name of the host',
    accepts: text => /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(text),
    expected: 'letters, digits, ".", "_" and "-", at most 100 characters',
    help: 'What this relay is called in the tables and the logs. Should stay the same over restarts: a relay takes its own lanes back at once, those of another name only after --lease.',
  },
  concurrency: {
    type: 'integer',
    name: 'concurrency',
    unit: 'POSTs',
    commands: ['run'],
    default: 64,
    min: 1,
    max: 4_096,
    help: 'POSTs in flight at once, all receivers together. A crash re-sends at most this many.',
  },
  originConcurrency: {
    type: 'integer',
    name: 'origin-concurrency',
    unit: 'POSTs',
    commands: ['run'],
    default: 16,
    min: 1,
    max: 4_096,
    help: 'POSTs in flight at once to one origin (scheme, host and port). At most --concurrency.',
  },
  deadlineMs: {
    type: 'duration',
    name: 'deadline',
    commands: ['run'],
    default: 15 * second,
    min: 10,
    max: 10 * minute,
    help: 'The whole of one attempt, from looking up the name to the last byte of the answer. What is not answered by then counts as unknown and is tried again. With --lease-margin, must be shorter than --lease.',
  },
  connectTimeoutMs: {
    type: 'duration',
    name: 'connect-timeout',
    commands: ['run'],
    default: 5 * second,
    min: 10,
    max: 10 * minute,
    help: 'To look up the name, connect, and agree on TLS. An attempt that fails here counts as not_sent. At most --deadline.',
  },
  maxAttempts: {
    type: 'integer',
    name: 'max-attempts',
    unit: 'attempts',
    commands: ['run'],
    default: 12,
    min: 1,
    max: 10_000,
    help: 'Attempts before a callback is dead, unless its own column max_attempts says otherwise. A replay counts from the start again.',
  },
  retryBaseMs: {
    type: 'duration',
    name: 'retry-base',
    commands: ['run'],
    default: second,
    min: 1,
    max: 24 * hour,
    help: 'The wait after the first failed attempt; it doubles with each further one up to --retry-cap. Half of it is certain, the other half random. At most --retry-cap.',
  },
  retryCapMs: {
    type: 'duration',
    name: 'retry-cap',
    commands: ['run'],
    default: hour,
    min: 1,
    max: 24 * hour,
    help: 'The longest wait between two attempts. At least --retry-base.',
  },
  excerptBytes: {
    type: 'integer',
    name: 'excerpt',
    unit: 'bytes',
    commands: ['run'],
    default: 1_024,
    min: 0,
    max: 65_536,
    help: 'How much of an answer is kept in attempt.response_excerpt. 0 keeps nothing, for receivers whose answers hold personal data.',
  },
  leaseMs: {
    type: 'duration',
    name: 'lease',
    commands: ['run'],
    default: 30 * second,
    min: 50,
    max: hour,
    help: 'How long a lane stays with a relay that no longer renews it: the longest pause after a machine is lost. Renewed every third of it. Must be longer than --deadline plus --lease-margin.',
  },
  leaseMarginMs: {
    type: 'duration',
    name: 'lease-margin',
    commands: ['run'],
    default: 2 * second,
    min: 1,
    max: 10 * minute,
    help: 'How much earlier than others a relay takes its own lease for over. Covers the pace of two clocks and a renewal on its way.',
  },
  pollMs: {
    type: 'duration',
    name: 'poll',
    commands: ['run'],
    default: second,
    min: 10,
    max: hour,
    help: 'How often a sleeping relay looks without having been woken, in case a notification was lost. With `migrate --wake poll` this is also the latency.',
  },
  lingerMs: {
    type: 'duration',
    name: 'linger',
    commands: ['run'],
    default: 50,
    min: 0,
    max: 10 * second,
    help: 'How long a relay stays awake after the last callback, so that a steady stream of them needs no notifications. 0ms sleeps at once.',
  },
  memoryRows: {
    type: 'integer',
    name: 'memory-rows',
    unit: 'callbacks',
    commands: ['run'],
    default: 20_000,
    min: 100,
    max: 10_000_000,
    help: 'Waiting callbacks held in memory, about 100 bytes each; the rest wait in the database. Not a limit to the backlog.',
  },
  prepared: {
    type: 'flag',
    name: 'prepared',
    commands: ['run'],
    default: true,
    help: 'Named prepared statements on the busy path. --no-prepared turns them off, as needed behind a transaction pooler that does not carry them.',
  },
  graceMs: {
    type: 'duration',
    name: 'grace',
    commands: ['run'],
    default: 20 * second,
    min: 0,
    max: hour,
    help: 'On SIGTERM or SIGINT, how long POSTs in flight may still take; what is aborted after that counts as unknown. 0s aborts at once. Keep it below the time your process manager waits before SIGKILL.',
  },
  ids: {
    type: 'list',
    name: 'id',
    value: 'ID',
    commands: ['replay'],
    default: [],
    otherwise: 'none',
    accepts: isId,
    expected: idExpected,
    help: 'A callback to send again, whether dead, delivered or cancelled; repeatable, or several separated by commas. Not together with --dead.',
  },
  dead: {
    type: 'flag',
    name: 'dead',
    commands: ['replay'],
    default: false,
    help: 'Sends all dead callbacks again, or those that --url and --since leave. Not together with --id.',
  },
  url: {
    type: 'text',
    name: 'url',
    value: 'PREFIX',
    commands: ['replay'],
    default: null,
    otherwise: 'any URL',
    accepts: text => /^https?:\/\/./.test(text),
    expected: 'the beginning of a URL, such as https://crm.example/',
    help: 'Only callbacks whose URL begins so, letter by letter. Needs --dead.',
  },
  since: {
    type: 'time',
    name: 'since',
    commands: ['replay'],
    default: null,
    otherwise: 'any time',
    help: 'Only callbacks that died at or after this moment: 2026-03-01T12:00:00Z, 2026-03-01 (midnight UTC), or a duration ago such as 2h. Needs --dead.',
  },
  dryRun: {
    type: 'flag',
    name: 'dry-run',
    commands: ['migrate', 'replay'],
    default: false,
    help: 'Says what would be done, and changes nothing.',
  },
  json: {
    type: 'flag',
    name: 'json',
    commands: ['status'],
    default: false,
    help: 'One JSON object on stdout instead of text for people.',
  },
  keep: {
    type: 'flag',
    name: 'keep',
    commands: ['demo'],
    default: false,
    help: 'Keeps the database of the demo afterwards and prints where it is. Otherwise nothing is left behind.',
  },
  port: {
    type: 'integer',
    name: 'port',
    unit: '(any free port)',
    commands: ['demo'],
    default: 0,
    min: 0,
    max: 65_535,
    help: 'The TCP port of the demo, on the loopback address only. 0 takes a free one; which one is printed.',
  },
  logLevel: {
    type: 'choice',
    name: 'log-level',
    value: 'LEVEL',
    commands: everywhere,
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
    default: 'info',
    help: 'The least important events that are logged. With debug and trace, an unexpected error also shows its stack.',
  },
  logFormat: {
    type: 'choice',
    name: 'log-format',
    value: 'FORMAT',
    commands: ['run', 'demo'],
    choices: ['auto', 'json', 'pretty'],
    default: 'auto',
    help: 'json: one line an event, for machines. pretty: for people. auto: pretty when stdout is a terminal, else json.',
  },
} as const satisfies Record<string, Option>

type Options = typeof options
export type OptionKey = keyof Options

type ValueOf<O extends Option> = O extends Duration | Integer
  ? number
  : O extends Flag
    ? boolean
    : O extends List
      ? readonly string[]
      : O extends Choice
        ? O['choices'][number]
        : O extends { readonly argument: true }
          ? string
          : O extends { readonly default: null }
            ? string | null
            : string

/** Every option with its value, of whatever command. */
export type Values = { readonly [K in OptionKey]: ValueOf<Options[K]> }

/** What a command gets: its options only, each with a valid value. All commands have a log level. */
export type ConfigOf<C extends CommandName> = Pick<Values, 'logLevel'> & {
  readonly [K in OptionKey as C extends Options[K]['commands'][number] ? K : never]: Values[K]
}

/** The options of a command, in the order of the help. */
export function optionsOf(command: CommandName): readonly (readonly [OptionKey, Option])[] {
  return allOptions().filter(([, option]) => option.commands.includes(command))
}

export function allOptions(): readonly (readonly [OptionKey, Option])[] {
  return Object.entries(options) as [OptionKey, Option][]
}

/** Such as `RINGBACK_MAX_ATTEMPTS`; null for an argument without a flag. */
export function variableOf(option: Option): string | null {
  if ('argument' in option) return null
  return `RINGBACK_${option.name.toUpperCase().replaceAll('-', '_')}`
}

export interface Invariant {
  readonly of: readonly OptionKey[]
  readonly broken: (values: Values) => boolean
  /** What must hold, and what would go wrong otherwise. */
  readonly rule: string
}

/** Rules between options. Each protects something that a single value cannot. */
export const invariants: readonly Invariant[] = [
  {
    of: ['leaseMs', 'deadlineMs', 'leaseMarginMs'],
    broken: v => v.leaseMs <= v.deadlineMs + v.leaseMarginMs,
    rule: '--lease must be longer than --deadline plus --lease-margin, or another relay could take the lane and send again while an attempt is still running',
  },
  {
    of: ['connectTimeoutMs', 'deadlineMs'],
    broken: v => v.connectTimeoutMs > v.deadlineMs,
    rule: '--connect-timeout must be at most --deadline, which covers the whole attempt, or it would never take effect',
  },
  {
    of: ['originConcurrency', 'concurrency'],
    broken: v => v.originConcurrency > v.concurrency,
    rule: '--origin-concurrency must be at most --concurrency, or one receiver could take every slot and still not reach its cap',
  },
  {
    of: ['retryBaseMs', 'retryCapMs'],
    broken: v => v.retryBaseMs > v.retryCapMs,
    rule: '--retry-base must be at most --retry-cap, since waits grow from the one to the other',
  },
  {
    of: ['databaseUrl', 'databaseUrlFile'],
    broken: v => v.databaseUrl !== null && v.databaseUrlFile !== null,
    rule: 'only one of --database-url and --database-url-file may be given, or the relay could work on another database than you think',
  },
  {
    of: ['ids', 'dead'],
    broken: v => v.ids.length > 0 === v.dead,
    rule: 'exactly one of --id and --dead must be given, so that nothing is sent again by accident',
  },
  {
    of: ['url', 'dead'],
    broken: v => v.url !== null && !v.dead,
    rule: '--url narrows --dead and needs it',
  },
  {
    of: ['since', 'dead'],
    broken: v => v.since !== null && !v.dead,
    rule: '--since narrows --dead and needs it',
  },
]

function isNotEmpty(text: string): boolean {
  return text !== ''
}

/** libpq's form with an empty host (`user@/database`) is fine too, though not to a URL parser. */
function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/./.test(text) && URL.canParse(text.replace('@/', '@localhost/'))
}
