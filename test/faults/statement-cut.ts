import type { Watcher } from '../fixtures/fault-proxy.ts'
import type { Random } from '../fixtures/random.ts'

/** A message of PostgreSQL's protocol: a letter, and what follows its length. */
interface Message {
  readonly type: string
  readonly body: Buffer
}

/** Cuts a stream into messages. The client's first has no letter. */
class Messages {
  #rest: Buffer = Buffer.alloc(0)
  #isFirst: boolean

  constructor(of: 'client' | 'server') {
    this.#isFirst = of === 'client'
  }

  /** The messages that are complete now. */
  read(chunk: Buffer): Message[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const messages: Message[] = []
    for (;;) {
      const letter = this.#isFirst ? 0 : 1
      if (this.#rest.length < letter + 4) return messages
      const end = letter + this.#rest.readInt32BE(letter)
      if (this.#rest.length < end) return messages
      messages.push({ type: this.#rest.toString('latin1', 0, letter), body: this.#rest.subarray(letter + 4, end) })
      this.#rest = this.#rest.subarray(end)
      this.#isFirst = false
    }
  }
}

/** A reply that was cut off. */
export interface Cut {
  readonly statement: string
  /** The columns of the rows that it had returned. */
  readonly rows: readonly (readonly string[])[]
}

/**
 * For `FaultProxy.watch`: cuts connections between the commit of a statement and its reply. The reply is read to its end
 * (ReadyForQuery is sent when the commit is through) and thrown away; then both sides are reset.
 *
 * @param share of the executions of these statements that meet it.
 */
export function cutReplies(
  options: { readonly statements: readonly string[]; readonly share: number; readonly random: Random },
  noted: (cut: Cut) => void,
): () => Watcher {
  return () => {
    const client = new Messages('client')
    const server = new Messages('server')
    let cutting: { statement: string; rows: string[][] } | null = null
    return (direction, chunk) => {
      if (direction === 'to-server') {
        const bound = client
          .read(chunk)
          .filter(({ type }) => type === 'B')
          .map(statementOf)
        const statement = bound.find(name => options.statements.includes(name))
        if (statement !== undefined && options.random() < options.share) cutting = { statement, rows: [] }
        return 'pass'
      }
      const messages = server.read(chunk)
      if (cutting === null) return 'pass'
      cutting.rows.push(...messages.filter(({ type }) => type === 'D').map(columnsOf))
      if (!messages.some(({ type }) => type === 'Z')) return 'drop'
      noted(cutting)
      return 'reset'
    }
  }
}

/** Bind: the portal's name, the statement's name, and more. */
function statementOf({ body }: Message): string {
  const from = body.indexOf(0) + 1
  return body.toString('utf8', from, body.indexOf(0, from))
}

/** DataRow: how many columns, and each with its length before it; -1: null. */
function columnsOf({ body }: Message): string[] {
  const columns: string[] = []
  for (let at = 2; at < body.length; ) {
    const length = Math.max(0, body.readInt32BE(at))
    columns.push(body.toString('utf8', at + 4, at + 4 + length))
    at += 4 + length
  }
  return columns
}
