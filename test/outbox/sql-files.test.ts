import t from 'tap'
import { inSchema, migrationFiles, readSql } from '../../src/outbox/sql-files.ts'

const files = ['schema.sql', ...(await migrationFiles()).map(name => `migrations/${name}.sql`)]

t.test('outside comments, everything that says outbox is written for the other schema', async t => {
  for (const file of files) {
    const text = (await readSql(file, 'elsewhere')).replaceAll(/--.*$/gm, '')
    t.match(text, /elsewhere\.callback/)
    // But for the names of the migrations.
    t.notMatch(text.replaceAll(/'\d{4}_outbox'/g, ''), /outbox/, file)
  }
})

t.test('a name is put in once, whatever it holds', async t => {
  const text = `create schema if not exists outbox; grant usage on schema outbox to outbox_relay; notify 'outbox', 'ringback wake outbox'`
  t.equal(
    inSchema(text, 'x9_outbox_y'),
    `create schema if not exists x9_outbox_y; grant usage on schema x9_outbox_y to x9_outbox_y_relay; notify 'x9_outbox_y', 'ringback wake x9_outbox_y'`,
  )
  t.equal(inSchema(text, 'outbox'), text)
})

t.test('what is not the schema stays', async t => {
  for (const text of ['-- The outbox. All of it', 'outbox_of_mine', 'my_outbox.callback', `'an outbox'`])
    t.equal(inSchema(text, 'elsewhere'), text)
})
