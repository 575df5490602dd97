import { check, rowOf, warning } from '../check.ts'

export const sequenceCache = check<{ readonly cache: number }>({
  name: 'sequence-cache',
  read: session =>
    rowOf(
      session,
      'ringback_sequence',
      schema =>
        `select seqcache::float8 as cache from pg_sequence where seqrelid = pg_get_serial_sequence('${schema}.callback', 'id')::regclass`,
    ),
  judge: ({ cache }) =>
    cache === 1
      ? null
      : warning(
          `the sequence of callback.id has CACHE ${cache}`,
          'each session takes a block of ids at once, so ids no longer follow the order of insertion: callbacks of one key go out in the wrong order, and are found late',
          'ALTER SEQUENCE ... CACHE 1, and reconnect the sessions that have a block',
        ),
})
