import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'

/** A file of JSON lines. A line is with the kernel when `write` returns: it outlives a SIGKILL of whoever wrote it. */
export class Journal {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(...entries: readonly object[]): void {
    writeSync(this.#file, entries.map(entry => `${JSON.stringify(entry)}\n`).join(''))
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** The lines of a journal; none where there is no file. The last one may be cut off, by a kill in mid-write. */
export function readJournal<Entry>(path: string): Entry[] {
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  lines.pop()
  return lines.map(line => JSON.parse(line) as Entry)
}
