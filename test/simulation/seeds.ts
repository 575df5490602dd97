/**
 * Seeds that once failed, and the fault that each showed. A change of the simulation makes another world of a seed, so
 * each fault also has a test of its own.
 */
export const failedOnce: readonly { readonly seed: number; readonly showed: string }[] = [
  {
    seed: 163,
    showed:
      'a renewal whose answer was long on its way buried all other relays, though they had renewed (test/membership/watch.test.ts)',
  },
  {
    seed: 287,
    showed:
      'an origin whose last slot went to a row that an operator had moved elsewhere stood as full for ever (test/relay/claimer.test.ts)',
  },
  {
    seed: 802,
    showed:
      'a relay whose database was 50 ms away read what waited in spans that shrank to nothing (test/relay/puller.test.ts)',
  },
  { seed: 1495, showed: 'the same' },
  {
    seed: 195,
    showed:
      'a new url of a delayed row, in a transaction that stayed open until it was due, was found by the sweep only (test/sql/transitions.test.ts)',
  },
]
