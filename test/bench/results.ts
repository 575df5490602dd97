/** results.jsonl: a header line for each part, then one line a measurement. */

/** One figure of one round. */
export interface Measurement {
  readonly part: string
  readonly contestant: string
  /** From 1. */
  readonly round: number
  readonly figure: string
  readonly value: number
  readonly unit: string
}

/** Where and when a part was measured. */
export interface Header {
  readonly part: string
  readonly cpu: string
  readonly cores: number
  readonly postgresql: string
  readonly node: string
  /** Of the day, ISO 8601. */
  readonly date: string
  /** 1: the numbers of rows that the part names. */
  readonly scale: number
}

export interface Results {
  readonly headers: readonly Header[]
  readonly measurements: readonly Measurement[]
}

/** @throws {SyntaxError} on a line that is not JSON. */
export function parseResults(text: string): Results {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  const rows = lines.map(line => JSON.parse(line) as Header | Measurement)
  return {
    headers: rows.filter(row => 'cpu' in row),
    measurements: rows.filter(row => 'figure' in row),
  }
}

/** Parts in the order of their headers, each header before its measurements. */
export function formatResults({ headers, measurements }: Results): string {
  const lines = headers.flatMap(header => [header, ...measurements.filter(({ part }) => part === header.part)])
  return lines.map(line => `${JSON.stringify(line)}\n`).join('')
}

/** The old results with the parts of the new ones in place of their own; a part not there before goes last. */
export function replaceParts(old: Results, fresh: Results): Results {
  const remeasured = new Map(fresh.headers.map(header => [header.part, header]))
  const known = old.headers.map(header => remeasured.get(header.part) ?? header)
  return {
    headers: [...new Set([...known, ...fresh.headers])],
    measurements: [...old.measurements.filter(({ part }) => !remeasured.has(part)), ...fresh.measurements],
  }
}
