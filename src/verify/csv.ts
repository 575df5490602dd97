import { createReadStream } from 'node:fs'
import { parse } from 'csv-parse'

/** A row of a CSV file that psql has written: null is an empty field without quotes. */
export class CsvRow {
  readonly #fields: Readonly<Record<string, string | null>>
  readonly #place: string

  constructor(fields: Readonly<Record<string, string | null>>, place: string) {
    this.#fields = fields
    this.#place = place
  }

  textOrNull(column: string): string | null {
    const value = this.#fields[column]
    if (value === undefined) throw this.#fault(column, 'a column of this name', undefined)
    return value
  }

  text(column: string): string {
    return this.textOrNull(column) ?? this.#refuse(column, 'a value', null)
  }

  integer(column: string): number {
    return this.integerOrNull(column) ?? this.#refuse(column, 'a whole number', null)
  }

  integerOrNull(column: string): number | null {
    const value = this.textOrNull(column)
    if (value === null || /^-?\d{1,15}$/.test(value)) return value === null ? null : Number(value)
    return this.#refuse(column, 'a whole number', value)
  }

  /** Milliseconds since 1970. */
  time(column: string): number {
    return this.timeOrNull(column) ?? this.#refuse(column, 'a time', null)
  }

  timeOrNull(column: string): number | null {
    const value = this.textOrNull(column)
    if (value === null) return null
    if (value === 'infinity') return Infinity
    // Microseconds count: two rows of one key can be settled within a millisecond.
    const parts = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(\.\d+)?([+-]\d\d)(?::?(\d\d))?$/.exec(value)
    if (parts === null) return this.#refuse(column, 'a time like 2026-03-01 12:00:00.123+00 (datestyle ISO)', value)
    const [, day, clock, fraction = '', hours, minutes = '00'] = parts
    return Date.parse(`${day}T${clock}${hours}:${minutes}`) + Number(`0${fraction}`) * 1_000
  }

  oneOf<T extends string>(column: string, words: readonly T[]): T {
    const value = this.text(column)
    return words.find(word => word === value) ?? this.#refuse(column, words.join(', '), value)
  }

  #refuse(column: string, expected: string, got: string | null): never {
    throw this.#fault(column, expected, got)
  }

  #fault(column: string, expected: string, got: string | null | undefined): Error {
    const what = got === undefined ? 'none' : got === null ? 'null' : JSON.stringify(got.slice(0, 100))
    return new Error(`${this.#place}, column ${column}: expected ${expected}; got ${what}`)
  }
}

/**
 * The rows of a CSV file with a header line, each made into a `T`.
 *
 * @throws {Error} naming file and line, for one that cannot be read.
 */
export async function readCsv<T>(file: string, make: (row: CsvRow) => T): Promise<T[]> {
  const parser = createReadStream(file).pipe(
    parse({ columns: true, bom: true, cast: (value, { quoting }) => (value === '' && !quoting ? null : value) }),
  )
  const rows: T[] = []
  try {
    for await (const fields of parser as AsyncIterable<Record<string, string | null>>) {
      rows.push(make(new CsvRow(fields, `row ${rows.length + 1}`)))
    }
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
  return rows
}
