/** Rows of one statement of the housekeeping: some tens of milliseconds on the embedded database, whose callers take turns. */
export const chunkRows = 1_000;

/**
 * Repeats `step`, which changes up to {@link chunkRows} rows and gives how many, until it finds no more; gives the sum.
 * Other calls come between, and no lock is held for long.
 */
export async function inChunks(step: () => Promise<number>): Promise<number> {
  let total = 0;
  for (;;) {
    const changed = await step();
    total += changed;
    if (changed < chunkRows) return total;
  }
}
