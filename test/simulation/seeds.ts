/**
 * Seeds that failed once, and what each showed. Kept: with every change of the simulation a seed becomes another world, so
 * the promise itself has a test of its own beside the part that broke it.
 */
export const failedOnce: readonly { readonly seed: number; readonly showed: string }[] = [
  { seed: 128, showed: 'a read that was on its way while an attempt failed made its row one that nobody had sent' },
  { seed: 171, showed: 'the same, after a retry' },
  { seed: 291, showed: 'the same, and the row was delivered without such an attempt' },
  { seed: 315, showed: 'a relay that stood still during a sweep did not sweep again for minutes' },
]
