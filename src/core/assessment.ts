import type { ErrorCode } from './error.ts';
import type { Coding } from './imaging.ts';

/** Where a probability stands against the package's operating points and its conformal set. */
export type Band = 'low' | 'indeterminate' | 'elevated';

export type SetLabel = 'present' | 'absent';

/** A coded reason why there is no result. */
export interface Reason {
  readonly code: ErrorCode;
  readonly text: string;
}

/** One gate's verdict. `passed: null` = there was nothing to judge by and the gate was skipped (labelled images only). */
export interface GateResult {
  readonly gate: GateName;
  readonly passed: boolean | null;
  readonly detail: string;
}

export type GateName =
  | 'modality'
  | 'species'
  | 'body-part'
  | 'view'
  | 'age'
  | 'photometric'
  | 'size'
  | 'burned-in'
  | 'patient'
  | 'quality'
  | 'out-of-distribution';

/** One finding of one assessment. Probabilities are calibrated and unshifted (the calibration set's prevalence). */
export interface FindingResult {
  /** Name in the manifest. */
  readonly name: string;
  readonly code: Coding;
  /** Calibrated probability, [0, 1]. */
  readonly probability: number;
  /** Calibration uncertainty, [low, high], contains `probability`. */
  readonly interval: readonly [number, number];
  readonly band: Band;
  /** Class-conditional conformal set at the package's alpha. */
  readonly set: readonly SetLabel[];
  /** The conformal set was empty: the score lies between those of the classes. */
  readonly atypical: boolean;
  /**
   * Where the explanation is strongest, in words, strongest first; empty when the finding is not elevated. Sides are the
   * patient's, or begin with {@link pictureSide} where nothing says whose they are.
   */
  readonly zones: readonly string[];
}

/** Names a side of the picture: its left is the patient's right unless the picture is mirrored. */
export const pictureSide = 'picture’s';

/** What the image says of itself; shown on cards. */
export interface ImageFacts {
  readonly sopInstanceUid: string | null;
  readonly view: string | null;
  readonly modality: string | null;
  /** Patient's age at the study date, years with fraction. */
  readonly ageYears: number | null;
  readonly studyDate: string | null;
}

/** Coarse map of one finding's class activation, for the app. */
export interface Explanation {
  readonly finding: string;
  /** [rows, columns] of the grid. */
  readonly grid: readonly [number, number];
  readonly cellPixels: number;
  /** Row by row, logit units; its mean plus the bias is the logit. Never shown as a number. */
  readonly values: readonly number[];
}

/** A held-out case near an image: whether it had the finding, and how far it is. */
export interface NearCase {
  readonly outcome: SetLabel;
  /** In units of the median distance between two held-out cases, ≥ 0. */
  readonly distance: number;
}

export interface ModelIdentity {
  readonly name: string;
  readonly version: string;
  readonly variant: string;
  readonly provider: string;
}

/** Milliseconds. */
export interface AssessmentTiming {
  readonly fetch?: number;
  readonly decode?: number;
  readonly preprocess?: number;
  readonly infer?: number;
  readonly explain?: number;
  readonly total: number;
}

/** The result of one model version on one study. Immutable. */
export interface Assessment {
  readonly status: 'final' | 'abstained' | 'failed';
  /** null only when `final`. */
  readonly reason: Reason | null;
  readonly model: ModelIdentity | null;
  readonly image: ImageFacts | null;
  readonly findings: readonly FindingResult[];
  readonly gates: readonly GateResult[];
  readonly timing: AssessmentTiming;
}

/** What the process keeps to itself: raw scores and explanation. Goes to private columns only. */
export interface PrivateResult {
  readonly logits: readonly number[];
  readonly outOfDistribution: readonly {
    readonly kind: string;
    readonly score: number;
    readonly threshold: number;
  }[];
  readonly quality: Readonly<Record<string, number>>;
  readonly explanations: readonly Explanation[];
  /** By finding, the held-out cases that are nearest by features, nearest first; absent where the package holds none. */
  readonly neighbours?: Readonly<Record<string, readonly NearCase[]>>;
  /** Findings that a pixel gate kept back. Evaluation reads them; no card, page or API does. */
  readonly withheld?: readonly FindingResult[];
}

export interface AssessedStudy {
  readonly assessment: Assessment;
  readonly private: PrivateResult | null;
}
