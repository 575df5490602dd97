/** SQL: the table `c` of pg_class is one of Ringback's. */
export const isOurTable = (schema: string) =>
  `c.relnamespace = (select oid from pg_namespace where nspname = '${schema}') and c.relname in ('callback', 'attempt_log', 'relay', 'pulse', 'salt', 'hold', 'janitor_run', 'operation')`
