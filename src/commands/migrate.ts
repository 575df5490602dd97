import { connectionOf, type MigrateConfig } from '../config/config.ts'
import { migrate as migrateSchema } from '../outbox/migrate.ts'

/** `ringback migrate`: creates the schema or brings it up to date, and says what was done. */
export async function migrate(config: MigrateConfig): Promise<number> {
  const { schema, wake, dryRun } = config
  const names = await migrateSchema(connectionOf(config), { schema, wake, dryRun })
  const done = dryRun ? 'would be applied' : 'applied'
  const lines = names.length > 0 ? names.map(name => `${name}: ${done}`) : ['up to date, no migration to apply']
  process.stdout.write(lines.map(line => `schema ${schema}: ${line}\n`).join(''))
  return 0
}
