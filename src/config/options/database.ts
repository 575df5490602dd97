import { onDatabase } from './commands.ts'
import type { Option } from './kinds.ts'

/** Where the outbox is. */
export const databaseOptions = {
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
    otherwise: 'DATABASE_URL_FILE, or else none',
    accepts: isNotEmpty,
    expected: 'the path of a readable file that holds a URL like postgres://user@host:5432/database',
    alsoVariable: 'DATABASE_URL_FILE',
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
} as const satisfies Record<string, Option>

function isNotEmpty(text: string): boolean {
  return text !== ''
}

/** libpq's form with an empty host (`user@/database`) is fine too, though not to a URL parser. */
function isDatabaseUrl(text: string): boolean {
  return /^postgres(ql)?:\/\/./.test(text) && URL.canParse(text.replace('@/', '@localhost/'))
}
