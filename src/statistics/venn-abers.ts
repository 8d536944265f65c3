import { lowerBound } from './lower-bound.ts';

/** A calibrated probability with the interval of the two that Venn-ABERS gives; low <= probability <= high. */
export interface VennAbersProbability {
  readonly probability: number;
  readonly interval: readonly [low: number, high: number];
}

/**
 * Inductive Venn-ABERS. A new score is given the label 0, then the label 1, and each time the isotonic regression
 * of all labels on all scores is read off at the new score: p0 and p1. The probability is p1 / (1 − p0 + p1),
 * the interval [p0, p1].
 *
 * Both are step functions of the score and are computed once, O(n); a query is one binary search.
 * @param scores ascending, n >= 1
 * @param labels 0 or 1, in the order of `scores`
 * @returns score (any real number) to probability
 * @see Vovk, Petej, Fedorova, "Large-scale probabilistic predictors with and without guarantees of validity", 2015
 */
export function vennAbers(scores: Float64Array, labels: Uint8Array): (score: number) => VennAbersProbability {
  const groups = groupTies(scores, labels);
  const k = groups.scores.length;
  const p1 = joinedByPositive(groups.weights, groups.positives);
  // An image of label 0 is one of label 1 when scores and labels are turned round.
  const negatives = groups.positives.map((positives, i) => groups.weights[i]! - positives);
  const turned = joinedByPositive(groups.weights.slice().reverse(), negatives.reverse());
  return (score) => {
    // Between two distinct scores, label 1 pools with the score above and label 0 with the one below.
    const below = lowerBound(groups.scores, score);
    const through = groups.scores[below] === score ? below + 1 : below;
    const high = p1[below]!;
    const low = 1 - turned[k - through]!;
    return { probability: high / (1 - low + high), interval: [low, high] };
  };
}

interface Groups {
  /** Distinct scores, ascending. */
  readonly scores: Float64Array;
  /** Images at each. */
  readonly weights: Float64Array;
  /** Positives at each. */
  readonly positives: Float64Array;
}

function groupTies(scores: Float64Array, labels: Uint8Array): Groups {
  const distinct: number[] = [];
  const weights: number[] = [];
  const positives: number[] = [];
  for (let i = 0; i < scores.length; i++) {
    if (i === 0 || scores[i] !== scores[i - 1]) {
      distinct.push(scores[i]!);
      weights.push(0);
      positives.push(0);
    }
    weights[weights.length - 1]! += 1;
    positives[positives.length - 1]! += labels[i]!;
  }
  return {
    scores: Float64Array.from(distinct),
    weights: Float64Array.from(weights),
    positives: Float64Array.from(positives),
  };
}

/**
 * Entry i: the isotonic value at distinct score i when one image of label 1 joins it; entry k (above all): 1.
 *
 * With cumulative weights W and positives S, the joined image moves the corners up to i by (−1, −1) against the
 * rest, and the value is the slope over group i of the greatest convex minorant of the corners
 * Q_0 … Q_i = (W − 1, S − 1) and P_{i+1} … P_k = (W, S). The stack holds the corners of that minorant from group i
 * rightwards, leftmost on top; from i to i + 1 only one corner is added. All coordinates are whole numbers, so the
 * comparisons are exact. O(k) in all.
 */
function joinedByPositive(weights: Float64Array, positives: Float64Array): Float64Array {
  const k = weights.length;
  const corners: Corner[] = [{ x: 0, y: 0 }];
  for (let i = 0; i < k; i++) {
    const last = corners[i]!;
    corners.push({ x: last.x + weights[i]!, y: last.y + positives[i]! });
  }
  const stack: Corner[] = [];
  const push = (corner: Corner): void => {
    while (stack.length >= 2 && turn(corner, stack.at(-1)!, stack.at(-2)!) <= 0) stack.pop();
    stack.push(corner);
  };
  for (let i = k; i >= 1; i--) push(corners[i]!);
  push({ x: -1, y: -1 });

  const values = new Float64Array(k + 1).fill(1);
  for (let i = 0; i < k; i++) {
    const top = stack.at(-1)!;
    const next = stack.at(-2)!;
    values[i] = (next.y - top.y) / (next.x - top.x);
    const moved = { x: corners[i + 1]!.x - 1, y: corners[i + 1]!.y - 1 };
    if (turn(top, next, moved) < 0) {
      stack.pop();
      push(moved);
    }
  }
  return values;
}

interface Corner {
  readonly x: number;
  readonly y: number;
}

/** Above 0: a, b, c turn left (c lies above the line through a and b). */
function turn(a: Corner, b: Corner, c: Corner): number {
  return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}
