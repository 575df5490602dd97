import type { SqlConfig } from '../config/config.ts'
import { suggest } from '../config/wording.ts'
import { UsageError } from '../errors.ts'
import { type Recipe, readSql, recipes } from '../outbox/sql-files.ts'

/** `ringback sql`: prints the installed cookbook. It runs nothing. */
export async function sql({ recipe, schema, json }: SqlConfig): Promise<number> {
  const all = await recipes()
  if (recipe === null) {
    process.stdout.write(json ? `${JSON.stringify({ files: all.map(described) })}\n` : listed(all))
    return 0
  }
  const wanted = recipe.replace(/\.sql$/, '')
  const found = all.find(({ name }) => name === wanted)
  if (found === undefined)
    throw unknown(
      recipe,
      all.map(({ name }) => name),
    )
  process.stdout.write(await readSql(found.path, schema))
  return 0
}

function described({ name, title }: Recipe) {
  return { name, description: title }
}

function listed(all: readonly Recipe[]): string {
  const width = Math.max(...all.map(({ name }) => name.length))
  return all.map(({ name, title }) => `${name.padEnd(width)}  ${title}\n`).join('')
}

function unknown(recipe: string, names: readonly string[]): UsageError {
  const fault = `no file of the cookbook is called ${JSON.stringify(recipe)}${suggest(recipe, names, name => name)}`
  return new UsageError('ringback sql', [fault], 'ringback sql, which lists them')
}
