import {
  brierScore,
  debiasedCalibrationError,
  expectedCalibrationError,
  logisticRecalibration,
  type NoRecalibration,
  noRecalibration,
  type ReliabilityRow,
  reliabilityTable,
} from './calibration.ts';
import { type BootstrapOptions, bootstrap, deLong, type Interval, wilson } from './intervals.ts';
import { auprc, auroc, confusionAt } from './roc.ts';
import { positivesOf, type Scored, toScored } from './scored.ts';

/** One labelled image and finding. */
export interface EvaluationRow {
  /** Calibrated, [0, 1]; null when the model never saw the image (a header gate refused it). */
  readonly probability: number | null;
  /** What ranks for AUROC and AUPRC: the score behind the probability. Default: the probability. Never in the result. */
  readonly score?: number;
  /** null: unlabelled. */
  readonly label: 0 | 1 | null;
  /** Images of one patient are drawn together. */
  readonly patient: string;
  /** Code of the gate that refused; null when the model spoke. */
  readonly abstained: string | null;
}

/** A figure with its 95 % interval over `n` images. null in its place: it cannot be computed from these images. */
export interface Figure {
  readonly value: number;
  readonly interval: Interval;
  readonly n: number;
}

/** Discrimination and calibration over one set of images. Accuracy, sensitivity and specificity at p >= 0.5. */
export interface Figures {
  /** Labelled images. */
  readonly n: number;
  readonly positives: number;
  readonly auroc: Figure | null;
  /** AUROC with DeLong's interval, which takes images for independent. */
  readonly aurocDeLong: Figure | null;
  readonly auprc: Figure | null;
  readonly accuracy: Figure | null;
  readonly sensitivity: Figure | null;
  readonly specificity: Figure | null;
  readonly ece: Figure | null;
  readonly eceDebiased: Figure | null;
  readonly brier: Figure | null;
  readonly slope: Figure | null;
  readonly intercept: Figure | null;
  /** Why slope and intercept are null; null where these images have a finite fit. */
  readonly noRecalibration: NoRecalibration | null;
}

export interface ThresholdFigures {
  readonly name: string;
  readonly threshold: number;
  readonly sensitivity: Figure | null;
  readonly specificity: Figure | null;
}

/** The finding entry of `fovea evaluate`, without name and code. The figures are over what was spoken. */
export interface FindingEvaluation extends Figures {
  /** Predicted, left out of the figures. */
  readonly unlabelled: number;
  /** Share of all images on which the model did not speak. */
  readonly abstained: Figure | null;
  /** At least 100 positives and 100 negatives: below that the figures are too imprecise to conclude from. */
  readonly sufficient: boolean;
  readonly operatingPoints: readonly ThresholdFigures[];
  readonly reliability: readonly ReliabilityRow[];
  /** Over every labelled image with a probability, whether or not the pixel gates then refused it. */
  readonly withoutPixelGates: Figures;
}

export interface EvaluationOptions extends BootstrapOptions {
  readonly operatingPoints?: readonly { readonly name: string; readonly threshold: number }[];
}

/** Fewest events and non-events. @see Collins et al., 2016; Snell et al., 2021 */
const fewestEvents = 100;

/** Every figure of one finding. The same rows and seed give the same result. */
export function evaluateFinding(
  rows: readonly EvaluationRow[],
  options: EvaluationOptions = {},
): FindingEvaluation {
  const seen = labelledOf(rows);
  const spoken = seen.filter((row) => row.abstained === null);
  const calibrated = probabilitiesOf(spoken);
  const figures = figuresOf(spoken, options);
  const refused = rows.filter((row) => row.abstained !== null).length;
  return {
    ...figures,
    unlabelled: rows.filter((row) => row.label === null).length,
    abstained: proportion(refused, rows.length),
    sufficient: figures.positives >= fewestEvents && figures.n - figures.positives >= fewestEvents,
    operatingPoints: (options.operatingPoints ?? []).map(({ name, threshold }) => ({
      name,
      threshold,
      ...ratesAt(calibrated, threshold),
    })),
    reliability: reliabilityTable(calibrated),
    withoutPixelGates: spoken.length === seen.length ? figures : figuresOf(seen, options),
  };
}

interface LabelledRow extends EvaluationRow {
  readonly probability: number;
  readonly label: 0 | 1;
}

function labelledOf(rows: readonly EvaluationRow[]): LabelledRow[] {
  return rows.filter((row): row is LabelledRow => row.probability !== null && row.label !== null);
}

function probabilitiesOf(rows: readonly LabelledRow[]): Scored {
  return toScored(
    rows.map((row) => row.probability),
    rows.map((row) => row.label),
  );
}

function figuresOf(rows: readonly LabelledRow[], options: BootstrapOptions): Figures {
  const n = rows.length;
  const labels = rows.map((row) => row.label);
  const patients = rows.map((row) => row.patient);
  const ranks = rows.map((row) => row.score ?? row.probability);
  const probabilities = rows.map((row) => row.probability);

  const resampled = (scores: readonly number[], figures: (sample: Scored) => number[]): (Figure | null)[] => {
    if (n === 0) return [];
    const intervals = bootstrap(scores, labels, patients, figures, options);
    return figures(toScored(scores, labels)).map((value, i) => figure(value, intervals[i]!, n));
  };
  const [rocArea = null, precisionArea = null] = resampled(ranks, (s) => [auroc(s), auprc(s)]);
  const [ece = null, eceDebiased = null, brier = null, slope = null, intercept = null] = resampled(
    probabilities,
    (s) => {
      const fit = logisticRecalibration(s);
      return [
        expectedCalibrationError(s),
        debiasedCalibrationError(s),
        brierScore(s),
        fit.slope,
        fit.intercept,
      ];
    },
  );
  const ranked = deLong(toScored(ranks, labels));
  const calibrated = probabilitiesOf(rows);
  const { truePositives, trueNegatives } = confusionAt(calibrated, 0.5);
  return {
    n,
    positives: positivesOf(calibrated),
    auroc: rocArea,
    aurocDeLong: figure(ranked.value, ranked.interval, n),
    auprc: precisionArea,
    accuracy: proportion(truePositives + trueNegatives, n),
    ...ratesAt(calibrated, 0.5),
    ece,
    eceDebiased,
    brier,
    slope,
    intercept,
    noRecalibration: noRecalibration(calibrated),
  };
}

function ratesAt(
  calibrated: Scored,
  threshold: number,
): Pick<ThresholdFigures, 'sensitivity' | 'specificity'> {
  const { truePositives, falseNegatives, trueNegatives, falsePositives } = confusionAt(calibrated, threshold);
  return {
    sensitivity: proportion(truePositives, truePositives + falseNegatives),
    specificity: proportion(trueNegatives, trueNegatives + falsePositives),
  };
}

function proportion(successes: number, n: number): Figure | null {
  return n === 0 ? null : { value: successes / n, interval: wilson(successes, n), n };
}

function figure(value: number, interval: Interval, n: number): Figure | null {
  return [value, ...interval].every(Number.isFinite) ? { value, interval, n } : null;
}
