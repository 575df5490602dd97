import { readdirSync } from 'node:fs'
import type { Scenario } from './scenario.ts'

interface Module {
  readonly scenario: Scenario
}

const folder = new URL('scenarios/', import.meta.url)

/** All scenarios of the folder, by number. */
export async function allScenarios(): Promise<Scenario[]> {
  const names = readdirSync(folder).flatMap(file => /^(\d\d-.+)\.ts$/.exec(file)?.[1] ?? [])
  // So written that a bundler finds them, too.
  const modules = await Promise.all(names.map(name => import(`./scenarios/${name}.ts`) as Promise<Module>))
  return modules.map(({ scenario }) => scenario).sort((a, b) => a.number - b.number)
}
