import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'

/** What a line of a JSON lines file holds. */
export class JsonRow {
  readonly #fields: Readonly<Record<string, unknown>>

  constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined
  }

  /** The word stands there. */
  is(field: string, word: string): boolean {
    return this.#fields[field] === word
  }

  isNull(field: string): boolean {
    return this.#fields[field] === null
  }

  text(field: string): string {
    const value = this.#fields[field]
    return typeof value === 'string' ? value : this.#refuse(field, 'a text')
  }

  textOrNull(field: string): string | null {
    return this.#fields[field] === null || !this.has(field) ? null : this.text(field)
  }

  integer(field: string): number {
    const value = this.#fields[field]
    return Number.isInteger(value) ? (value as number) : this.#refuse(field, 'a whole number')
  }

  /** Milliseconds: a number as it is, ISO 8601 as milliseconds since 1970. */
  time(field: string): number {
    const value = this.#fields[field]
    const ms = typeof value === 'string' ? Date.parse(value) : value
    return typeof ms === 'number' && Number.isFinite(ms)
      ? ms
      : this.#refuse(field, 'milliseconds, or a time of ISO 8601')
  }

  #refuse(field: string, expected: string): never {
    const value = this.#fields[field]
    const got = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 100)
    throw new Error(`"${field}": expected ${expected}; got ${got}`)
  }
}

/**
 * The lines of a file, each made into a `T`. The last one may be cut off, as when its writer was killed: it is left out then.
 *
 * @throws {Error} naming file and line, for one that cannot be read.
 */
export async function readJsonLines<T>(file: string, make: (row: JsonRow) => T): Promise<T[]> {
  const rows: T[] = []
  let torn: Error | undefined
  let number = 0
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    number += 1
    if (torn !== undefined) throw torn
    if (line.trim() === '') continue
    const fields = parsed(line)
    if (fields === null) torn = new Error(`${file}, line ${number}: expected a JSON object; got ${line.slice(0, 100)}`)
    else rows.push(made(fields, `${file}, line ${number}`, make))
  }
  return rows
}

function parsed(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function made<T>(fields: Readonly<Record<string, unknown>>, place: string, make: (row: JsonRow) => T): T {
  try {
    return make(new JsonRow(fields))
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error })
  }
}
