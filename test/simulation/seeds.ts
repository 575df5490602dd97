/**
 * Seeds that failed once, and what each showed. With every change of the simulation a seed becomes another world, so what it
 * showed has a test of its own too, beside the part that was mended.
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
]
