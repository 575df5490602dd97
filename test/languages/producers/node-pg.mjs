import pg from 'pg'

const INSERT = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES ($1, $2, $3)'
const url = process.env.CALLBACK_URL

// An id is a string, as pg returns a bigint: JSON.stringify refuses a BigInt, and a number above 2^53 is rounded.
async function fail(client, execution, message) {
  await client.query(`UPDATE flow_execution SET status = 'error' WHERE id = $1`, [execution])
  const form = { code: 3, flowExecutionId: execution, message, tags: ['a', 'b'] }
  await client.query(INSERT, [url, JSON.stringify(form), `execution ${execution}`])
}

const client = new pg.Client({ connectionString: process.env.DATABASE_URL })
await client.connect()

await client.query('BEGIN')
await fail(client, '9007199254740993', '失败 💥')
await client.query('COMMIT')

await client.query('BEGIN')
await fail(client, '9007199254740994', 'never sent')
await client.query('ROLLBACK')

// Many at once: one statement with an array.
const forms = Array.from({ length: 1000 }, (_, n) => ({
  code: 2,
  flowExecutionId: String(9007199254740993n + BigInt(n)),
}))
await client.query('INSERT INTO outbox.callback (url, form) SELECT $1, form FROM unnest($2::json[]) form', [url, forms])
await client.end()
