/** Tables and functions of the schema that people use, with the comments of sql/schema.sql. */
import { readFileSync } from 'node:fs'

const schema = readFileSync(new URL('../../sql/schema.sql', import.meta.url), 'utf8')

/** The view has the columns of the log. */
const shown = { callback: 'callback', attempt: 'attempt_log', hold: 'hold', operation: 'operation' }

export const tables = Object.keys(shown) as (keyof typeof shown)[]

interface Column {
  readonly name: string
  readonly type: string
  readonly comment: string
}

/** In the order of their comments. */
export function columnsOf(table: keyof typeof shown): readonly Column[] {
  const [, body = ''] = new RegExp(`^create table outbox\\.${shown[table]} \\(\n(.*?)^\\)`, 'ms').exec(schema) ?? []
  const types = new Map([...body.matchAll(/^ {2}(\w+) +([\w.]+)/gm)].map(([, name = '', type = '']) => [name, type]))
  const comments = schema.matchAll(new RegExp(`^comment on column outbox\\.${table}\\.(\\w+) is '(.*)';$`, 'gm'))
  return [...comments].map(([, name = '', comment = '']) => {
    const type = types.get(name)
    if (type === undefined) throw new Error(`outbox.${table}.${name} has a comment and no type`)
    return { name, type, comment: unquoted(comment) }
  })
}

export function columnTables(): string {
  return tables
    .map(table => {
      const lines = columnsOf(table).map(
        ({ name, type, comment }) => `| \`${name}\` | \`${type}\` | ${cell(comment)} |`,
      )
      return [`### outbox.${table}`, '', '| column | type | |', '| --- | --- | --- |', ...lines].join('\n')
    })
    .join('\n\n')
}

/** Those that producers and operators may call. */
export function functionTable(): string {
  const grants = schema.matchAll(/^grant execute on function\s([^;]*) to outbox_(producer|operator);$/gm)
  const lines = [...grants].flatMap(([, functions = '', role = '']) =>
    [...functions.matchAll(/outbox\.(\w+)\(/g)].map(([, name = '']) => functionLine(name, role)),
  )
  return ['| function | role | |', '| --- | --- | --- |', ...lines].join('\n')
}

function functionLine(name: string, role: string): string {
  const [, taken = '', returned = ''] =
    new RegExp(`^create function outbox\\.${name}\\((.*)\\)\\s+?returns (\\w+)`, 'm').exec(schema) ?? []
  const [, comment = ''] =
    new RegExp(`^comment on function outbox\\.${name}\\(.*?\\) is '(.*)';$`, 'm').exec(schema) ?? []
  if (returned === '' || comment === '') throw new Error(`outbox.${name} is granted, and not described`)
  return `| \`outbox.${name}(${taken})\` returns \`${returned}\` | \`outbox_${role}\` | ${cell(unquoted(comment))} |`
}

function unquoted(literal: string): string {
  return literal.replaceAll("''", "'")
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
