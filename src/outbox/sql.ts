/**
 * SQL is written for the schema `outbox`, so that it can be read, copied into psql and run as it stands. For another
 * schema the word is replaced: as a name (`outbox.callback`), as a prefix (`outbox_relay`), as the channel ('outbox').
 * Options allow only plain lower-case names, so nothing needs quoting.
 */
export function inSchema(text: string, schema: string): string {
  return schema === 'outbox' ? text : text.replace(/\boutbox(?=\b|_)/g, schema)
}
