/** SQL: the table `c` of pg_class is one of Ringback's. */
export const isOurTable = `c.relnamespace = (select oid from pg_namespace where nspname = 'outbox') and c.relname in ('callback', 'attempt', 'lane', 'relay', 'hold')`
