import { type Interval, wilson } from './intervals.ts';
import { type Scored, tieGroups } from './scored.ts';

/** Equal-mass bins of every calibration figure. */
const defaultBins = 15;

/** One bin of probabilities. Numbers of images are fractions where a group of equal probabilities is cut. */
interface Bin {
  readonly low: number;
  readonly high: number;
  readonly n: number;
  readonly meanProbability: number;
  /** Share of positives. */
  readonly rate: number;
  /** Mean of p (1 − p): variance of one label when the calibration is perfect. */
  readonly variance: number;
}

/**
 * Equal-mass bins by ascending probability: bin b holds the images from rank n b / bins to n (b + 1) / bins. A cut
 * group of equal probabilities gives each side its share of positives, so the order of the rows plays no part.
 */
function equalMassBins(scored: Scored, bins: number): Bin[] {
  const total = scored.scores.length;
  const size = total / Math.min(bins, total);
  const found: Bin[] = [];
  let low = Number.NaN;
  let n = 0;
  let sum = 0;
  let positives = 0;
  let variance = 0;
  for (const group of tieGroups(scored)) {
    let left = group.n;
    while (left > 1e-9) {
      const taken = Math.min(left, size - n);
      if (n === 0) low = group.score;
      n += taken;
      sum += taken * group.score;
      variance += taken * group.score * (1 - group.score);
      positives += (taken / group.n) * group.positives;
      left -= taken;
      if (n < size - 1e-9) continue;
      found.push({
        low,
        high: group.score,
        n,
        meanProbability: sum / n,
        rate: positives / n,
        variance: variance / n,
      });
      n = 0;
      sum = 0;
      positives = 0;
      variance = 0;
    }
  }
  return found;
}

/** Expected calibration error: mean over equal-mass bins of |share of positives − mean probability|. [0, 1]. */
export function expectedCalibrationError(scored: Scored, bins = defaultBins): number {
  return meanOver(equalMassBins(scored, bins), ({ meanProbability, rate }) =>
    Math.abs(rate - meanProbability),
  );
}

/**
 * ECE less what a perfect calibration scores on average at this n, not below 0: labels drawn from the probabilities
 * themselves put the share of positives of a bin a distance √(2 v / π) from its mean probability, v = Σ p (1 − p) / n²
 * (normal approximation).
 * @see Bröcker, "Estimating reliability and resolution of probability forecasts", 2012
 */
export function debiasedCalibrationError(scored: Scored, bins = defaultBins): number {
  const found = equalMassBins(scored, bins);
  const value = meanOver(found, ({ n, meanProbability, rate, variance }) => {
    const chance = Math.sqrt((2 * variance) / (Math.PI * n));
    return Math.abs(rate - meanProbability) - chance;
  });
  return Math.max(value, 0);
}

function meanOver(bins: readonly Bin[], term: (bin: Bin) => number): number {
  let sum = 0;
  let n = 0;
  for (const bin of bins) {
    sum += bin.n * term(bin);
    n += bin.n;
  }
  return sum / n;
}

/** Mean squared difference of probability and label, [0, 1]. */
export function brierScore({ scores, labels }: Scored): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += (scores[i]! - labels[i]!) ** 2;
  return sum / scores.length;
}

/** Logistic recalibration; (1, 0) when perfect. */
export interface Recalibration {
  /** Below 1: probabilities too extreme. */
  readonly slope: number;
  /** Log-odds. */
  readonly intercept: number;
}

/** Probabilities are kept this far from 0 and 1 before their logit is taken. */
const clip = 1e-4;

/** Images of one logit; several groups may have the same one, by clipping. */
interface LogitGroup {
  readonly x: number;
  readonly n: number;
  readonly positives: number;
}

/** By ascending logit. */
function logitGroups(scored: Scored): LogitGroup[] {
  return tieGroups(scored).map(({ score, n, positives }) => {
    const p = Math.min(1 - clip, Math.max(clip, score));
    return { x: Math.log(p / (1 - p)), n, positives };
  });
}

/** Why no finite recalibration fits. */
export type NoRecalibration =
  | 'a class is missing'
  | 'all probabilities are equal'
  | 'a threshold parts the classes';

/**
 * null: there is a finite fit. It is decided on the data: where a threshold parts the classes the likelihood grows with
 * the slope without end, and rounding alone would stop the search, anywhere.
 */
function whyNoFit(groups: readonly LogitGroup[]): NoRecalibration | null {
  const positives = groups.filter((group) => group.positives > 0);
  const negatives = groups.filter((group) => group.positives < group.n);
  if (positives.length === 0 || negatives.length === 0) return 'a class is missing';
  if (groups[0]!.x === groups.at(-1)!.x) return 'all probabilities are equal';
  const parted = negatives.at(-1)!.x <= positives[0]!.x || positives.at(-1)!.x <= negatives[0]!.x;
  return parted ? 'a threshold parts the classes' : null;
}

/** Why {@link logisticRecalibration} has no fit of these images; null: it has one. */
export function noRecalibration(scored: Scored): NoRecalibration | null {
  return whyNoFit(logitGroups(scored));
}

/**
 * Fits logit P(label = 1) = intercept + slope · logit p by maximum likelihood (Newton's method from 0).
 * NaN when there is no finite fit, for the reason that {@link noRecalibration} gives.
 * @see Cox, "Two further applications of a model for binary regression", 1958
 */
export function logisticRecalibration(scored: Scored): Recalibration {
  const none = { slope: Number.NaN, intercept: Number.NaN };
  const groups = logitGroups(scored);
  if (whyNoFit(groups) !== null) return none;
  let intercept = 0;
  let slope = 0;
  for (let iteration = 0; iteration < 50; iteration++) {
    let gradient0 = 0;
    let gradient1 = 0;
    let h00 = 0;
    let h01 = 0;
    let h11 = 0;
    for (const { x, n, positives } of groups) {
      const p = 1 / (1 + Math.exp(-intercept - slope * x));
      const residual = positives - n * p;
      const weight = n * p * (1 - p);
      gradient0 += residual;
      gradient1 += residual * x;
      h00 += weight;
      h01 += weight * x;
      h11 += weight * x * x;
    }
    const determinant = h00 * h11 - h01 * h01;
    if (!(determinant > 0)) return none;
    const step0 = (h11 * gradient0 - h01 * gradient1) / determinant;
    const step1 = (h00 * gradient1 - h01 * gradient0) / determinant;
    intercept += step0;
    slope += step1;
    if (Math.abs(step0) + Math.abs(step1) < 1e-9) return { slope, intercept };
  }
  return none;
}

/** One line of a reliability table. */
export interface ReliabilityRow extends Bin {
  /** 95 % Wilson interval of `rate`. */
  readonly interval: Interval;
}

/** The reliability table over equal-mass bins. */
export function reliabilityTable(scored: Scored, bins = defaultBins): readonly ReliabilityRow[] {
  return equalMassBins(scored, bins).map((bin) => ({ ...bin, interval: wilson(bin.rate * bin.n, bin.n) }));
}
