import { connectionOf, type MigrateConfig } from '../config/config.ts'
import { migrate as migrateSchema, printed } from '../outbox/migrate.ts'

/**
 * `ringback migrate`: creates the schema or brings it up to date, and says what it did. With `--print` it prints the
 * SQL.
 */
export async function migrate(config: MigrateConfig): Promise<number> {
  const { schema, wake, dryRun, print } = config
  if (print) {
    process.stdout.write(await printed(schema, wake))
    return 0
  }
  const names = await migrateSchema(connectionOf(config), { schema, wake, dryRun })
  const done = dryRun ? 'would be applied' : 'applied'
  const lines = names.length > 0 ? names.map(name => `${name}: ${done}`) : ['up to date, no migration to apply']
  process.stdout.write(lines.map(line => `schema ${schema}: ${line}\n`).join(''))
  return 0
}
