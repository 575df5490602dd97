import { createServer } from 'node:http'
import pg from 'pg'
import { FormError, parse, receive, VerificationError, verify } from 'ringback/receiver'

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
// Without these, a connection that is lost ends the process.
pool.on('connect', client => client.on('error', () => {}))
pool.on('error', error => console.error(error.message))

const server = createServer(async (request, response) => {
  try {
    const body = await bytesOf(request) // as they came, before any parser
    const arrival = verify(request.headers, body, process.env.RECEIVER_KEY)
    const form = parse(body)
    await handle(arrival, form)
    response.writeHead(204).end()
  } catch (error) {
    // 400 and 401 are final: the callback is dead, and can be replayed. 500 is tried again.
    const status = error instanceof VerificationError ? 401 : error instanceof FormError ? 400 : 500
    response.writeHead(status).end(status === 500 ? '' : error.message)
  }
})

async function bytesOf(request) {
  const chunks = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > 1024 * 1024) throw new FormError('too_large', 'body: more than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function handle(arrival, form) {
  const client = await pool.connect()
  let failure
  try {
    await receive(
      client,
      arrival,
      async () => {
        const values = [form.get('flowExecutionId'), form.get('code'), form.get('message'), form.getAll('tags').join()]
        await client.query(
          'INSERT INTO execution_state (execution, code, message, tags) VALUES ($1, $2, $3, $4)',
          values,
        )
      },
      { key: `execution ${form.get('flowExecutionId')}` },
    )
  } catch (error) {
    failure = error
    throw error
  } finally {
    client.release(failure) // a connection that failed is closed
  }
}

server.listen(Number(process.env.PORT), '127.0.0.1')
