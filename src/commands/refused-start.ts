import type { UsageError } from '../errors.ts'
import { createLog, type LogOptions } from '../log/log.ts'
import { standardOutput } from '../log/output.ts'

/** Logs that a relay was not started, where the log is JSON. A person reads it on stderr. */
export function logRefusedStart({ faults }: UsageError, format: LogOptions['format']): void {
  const out = standardOutput()
  if (format === 'pretty' || (format === 'auto' && out.isTTY)) return
  createLog({ level: 'fatal', format: 'json', out }).fatal('failed', { faults: faults.join('\n') })
}
