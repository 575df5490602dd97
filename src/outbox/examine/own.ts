/**
 * What the schema itself puts on its tables, so that `doctor` can name what others have added or taken away. A test holds
 * this list against a freshly migrated database.
 */
export const ownIndexes: readonly string[] = [
  'attempt_pkey',
  'callback_dead',
  'callback_dedupe_key',
  'callback_due',
  'callback_fresh',
  'callback_key',
  'callback_parked',
  'callback_pkey',
  'hold_below',
  'hold_pkey',
  'hold_place',
  'lane_id_epoch',
  'lane_pkey',
  'relay_pkey',
]

/** As `table.trigger`. */
export const ownTriggers: readonly string[] = [
  'callback.operator_change',
  'callback.refuse_delete',
  'callback.wake',
  'hold.wake',
]

/** Away after `migrate --wake poll`, which is no fault. */
export const optionalTrigger = 'callback.wake'

/** Storage parameters of the table `callback`. */
export const ownParameters: Readonly<Record<string, string>> = {
  fillfactor: '50',
  autovacuum_vacuum_scale_factor: '0.02',
  autovacuum_vacuum_threshold: '10000',
  autovacuum_vacuum_insert_scale_factor: '0.1',
  autovacuum_vacuum_cost_delay: '0',
}
