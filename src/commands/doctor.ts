import type { DoctorConfig } from '../config/config.ts'
import type { Patience } from '../operate/doctor/check.ts'
import { type Diagnosis, diagnose } from '../operate/doctor/doctor.ts'
import { capital, countOf } from '../operate/doctor/words.ts'
import { printable, printableJson } from '../printable.ts'
import { inSession, type Place } from './in-database.ts'

/**
 * `ringback doctor`. Exits with 0 for nothing or only warnings, with 1 for a fault or a check that could not be made,
 * and with 4 on a standby.
 *
 *
 * @throws SchemaError, or pg's error when it cannot connect.
 */
export async function doctor(config: DoctorConfig): Promise<number> {
  const diagnosis = await examine(config)
  const { schema, json } = config
  process.stdout.write(json ? `${printableJson({ schema, ...diagnosis })}\n` : written(diagnosis))
  if (diagnosis.findings.some(each => each.check === 'standby')) return 4
  return diagnosis.notMade.length > 0 || diagnosis.findings.some(each => each.severity === 'fault') ? 1 : 0
}

export function examine(config: Place, patience?: Patience): Promise<Diagnosis> {
  return inSession(config, 'doctor', { timeoutMs: 60_000, onStandby: 'read' }, session => diagnose(session, patience))
}

function written(diagnosis: Diagnosis): string {
  return [
    ...diagnosis.findings.map(
      each => `${each.severity}: ${each.found}. ${capital(each.meaning)}. Remedy: ${each.remedy}`,
    ),
    ...diagnosis.notLookedAt.map(what => `not looked at: ${what}`),
    summary(diagnosis),
  ]
    .map(line => `${printable(line)}\n`)
    .join('')
}

function summary({ checks, findings, notMade }: Diagnosis): string {
  const faults = findings.filter(each => each.severity === 'fault').length
  const parts = [
    `${checks} checks`,
    countOf(faults, 'fault'),
    countOf(findings.length - faults, 'warning'),
    notMade.length === 0 ? '' : `${notMade.length} not made`,
  ].filter(part => part !== '')
  return parts.length === 1 ? `${parts[0]}, nothing found` : parts.join(', ')
}
