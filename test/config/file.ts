import { chmodSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { parse } from '../../src/config/config.ts'
import { UsageError } from '../../src/errors.ts'
import type { Destinations } from '../../src/policy/destinations.ts'

/** A configuration file in a folder of the test's own, beside `others`, which only their owner may use. */
export class File {
  readonly path: string

  /** @param t each test has one folder: a second file takes the place of the first. */
  constructor(t: Test, content: string | Buffer, others: Readonly<Record<string, string>> = {}) {
    this.path = join(t.testdir({ ...others, 'ringback.yaml': content }), 'ringback.yaml')
    for (const name of Object.keys(others)) chmodSync(this.beside(name), 0o600)
  }

  beside(name: string): string {
    return join(dirname(this.path), name)
  }

  destinations(...argv: string[]): Destinations {
    return parse('run', ['--config', this.path, ...argv], {}).config.destinations
  }

  /** `LINE:COLUMN field: what`, as short as they can be told apart. */
  faults(...argv: string[]): string[] {
    try {
      this.destinations(...argv)
      return []
    } catch (error) {
      if (error instanceof UsageError) return error.faults.map(short)
      throw error
    }
  }
}

function short(fault: string): string {
  return fault.replace(/^--config ".*?ringback\.yaml", line (\d+), column (\d+):/, '$1:$2')
}

/** A file of one rule, for any origin, with this in it. */
export function ruleFile(t: Test, setting: string, others: Readonly<Record<string, string>> = {}): File {
  return new File(t, `origins: [{ match: '*', ${setting} }]`, others)
}
