/** Labelled scores (probabilities or any other), sorted: what every figure of this folder is computed from. */
export interface Scored {
  /** Ascending. */
  readonly scores: Float64Array;
  /** 0 or 1, in the order of `scores`. */
  readonly labels: Uint8Array;
}

/** Sorts labelled scores; the order among equal scores has no influence on any figure. */
export function toScored(scores: ArrayLike<number>, labels: ArrayLike<number>): Scored {
  const order = sortedOrder(scores);
  return {
    scores: Float64Array.from(order, (row) => scores[row]!),
    labels: Uint8Array.from(order, (row) => labels[row]!),
  };
}

/** Row numbers by ascending score. */
export function sortedOrder(scores: ArrayLike<number>): Uint32Array {
  return Uint32Array.from({ length: scores.length }, (_, row) => row).sort((a, b) => scores[a]! - scores[b]!);
}

/** Number of labels 1. */
export function positivesOf({ labels }: Scored): number {
  let positives = 0;
  for (const label of labels) positives += label;
  return positives;
}

/** Images of one score. */
export interface TieGroup {
  readonly score: number;
  readonly n: number;
  readonly positives: number;
}

/** Groups of equal scores, ascending. */
export function tieGroups({ scores, labels }: Scored): TieGroup[] {
  const groups: TieGroup[] = [];
  let start = 0;
  let positives = 0;
  for (let i = 0; i < scores.length; i++) {
    positives += labels[i]!;
    if (i + 1 === scores.length || scores[i + 1] !== scores[i]) {
      groups.push({ score: scores[i]!, n: i + 1 - start, positives });
      start = i + 1;
      positives = 0;
    }
  }
  return groups;
}
