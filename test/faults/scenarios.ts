import { readdirSync } from 'node:fs'
import type { Scenario } from './scenario.ts'

const folder = new URL('scenarios/', import.meta.url)

/** All scenarios of the folder, by number. */
export async function allScenarios(): Promise<Scenario[]> {
  const files = readdirSync(folder).filter(file => /^\d\d-.+\.ts$/.test(file))
  const modules = await Promise.all(
    files.map(file => import(new URL(file, folder).href) as Promise<{ scenario: Scenario }>),
  )
  return modules.map(({ scenario }) => scenario).sort((a, b) => a.number - b.number)
}
