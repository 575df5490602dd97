/**
 * Files under sql/ use the schema `outbox`, so that people can read them and run them in psql. `migrate` replaces the
 * name for another schema.
 */
import { readdir, readFile } from 'node:fs/promises'

/** Works from src/outbox and from dist/outbox. */
const folder = new URL('../../sql/', import.meta.url)

/**
 * Places where the files name the schema; elsewhere the word is prose. Roles, the notification channel and locks are
 * named after it.
 */
const places = [
  /\boutbox(?=\.\w)/,
  /\boutbox(?=_(producer|relay|operator|reader)\b)/,
  /(?<=\bschema (if not exists )?)outbox\b/,
  /(?<=')outbox(?=')/,
  /(?<='ringback (wake|turn|crowd|hold) )outbox\b/,
]
const anyPlace = new RegExp(places.map(({ source }) => source).join('|'), 'g')

/** A plain lower-case name: it needs no quotes, and names of roles and the channel can be built from it. */
export function isSchemaName(text: string): boolean {
  return /^[a-z_][a-z0-9_]{0,39}$/.test(text)
}

/** The SQL of a file for another schema; see `isSchemaName`. */
export function inSchema(text: string, schema: string): string {
  return text.replace(anyPlace, schema)
}

/** @param path below sql/, such as `schema.sql`. */
export async function readSql(path: string, schema: string): Promise<string> {
  return inSchema(await readFile(new URL(path, folder), 'utf8'), schema)
}

/** A file for people to run. */
export interface Recipe {
  /** The name of the file, without `.sql`. */
  readonly name: string
  /** Below sql/. */
  readonly path: string
  /** Its first sentence. */
  readonly title: string
}

/** The cookbook, the triggers for a scheduler, and the tables of a receiver's inbox; by name. */
export async function recipes(): Promise<Recipe[]> {
  const folders = await Promise.all(['cookbook', 'examples', 'receiver'].map(recipesIn))
  return folders.flat().sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function recipesIn(place: string): Promise<Recipe[]> {
  const files = (await readdir(new URL(`${place}/`, folder))).filter(file => file.endsWith('.sql'))
  return Promise.all(
    files.map(async file => {
      const path = `${place}/${file}`
      return { name: file.slice(0, -4), path, title: titleOf(await readFile(new URL(path, folder), 'utf8')) }
    }),
  )
}

/** The comment at the top may have several lines. */
function titleOf(text: string): string {
  const [comment = ''] = /^(-- .*\n)+/.exec(text) ?? []
  return (
    comment
      .replaceAll(/^-- /gm, '')
      .replaceAll('\n', ' ')
      .split(/(?<=[.:;])\s/)[0]
      ?.replace(/[.:;]$/, '') ?? ''
  )
}

/** The migrations that this binary knows, oldest first. */
export async function migrationFiles(): Promise<string[]> {
  const names = await readdir(new URL('migrations/', folder))
  return names
    .filter(name => name.endsWith('.sql'))
    .map(name => name.slice(0, -4))
    .sort()
}
