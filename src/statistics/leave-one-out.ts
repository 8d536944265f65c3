import { vennAbers } from './venn-abers.ts';

/** Cases times cases between two pauses: some milliseconds of work. */
const turnWork = 16_000;

/**
 * The Venn-ABERS probability of each calibration case by a calibration without it. O(n²) in all, in short steps.
 *
 * @param scores ascending, n >= 2
 * @param labels 0 or 1, in the order of `scores`
 * @param pause lets others have the thread between two steps
 * @returns in the order of `scores`
 */
export async function leaveOneOut(
  scores: Float64Array,
  labels: Uint8Array,
  pause: () => Promise<unknown>,
): Promise<Float64Array> {
  const n = scores.length;
  const turn = Math.max(1, Math.floor(turnWork / n));
  const probabilities = new Float64Array(n);
  const otherScores = scores.slice(1);
  const otherLabels = labels.slice(1);
  for (let i = 0; i < n; i++) {
    // The rest without case i is the rest without case i − 1 with one place exchanged.
    if (i > 0) {
      otherScores[i - 1] = scores[i - 1]!;
      otherLabels[i - 1] = labels[i - 1]!;
    }
    probabilities[i] = vennAbers(otherScores, otherLabels)(scores[i]!).probability;
    if (i % turn === turn - 1) await pause();
  }
  return probabilities;
}
