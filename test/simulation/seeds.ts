/**
 * Seeds that failed once, and what each showed. With every change of the simulation a seed becomes another world, so what it
 * showed has a test of its own too, beside the part that was mended.
 */
export const failedOnce: readonly { readonly seed: number; readonly showed: string }[] = [
  {
    seed: 13,
    showed: 'a read on its way while an attempt failed made its row one that nobody sends (test/intake.test.ts)',
  },
  { seed: 41, showed: 'the same, and the row was delivered without such an attempt' },
  { seed: 82, showed: 'the same, and every attempt that followed was taken for one that was never sent' },
  { seed: 315, showed: 'a relay that stood still during a sweep swept no more for minutes (test/sweep.test.ts)' },
  {
    seed: 515,
    showed:
      "the checker took a zombie's late record for the moment at which its row, expired since, was settled (test/verify)",
  },
  {
    seed: 8184,
    showed: 'a relay that was stopping did not wait for its claim, and sent after it had released the lane',
  },
]
