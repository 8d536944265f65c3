import type { Manifest, Measured, OperatingPoint } from '#core/model-package';
import type { SourceAttribute } from '#core/source-attributes';

/** Held-out scores of one finding, decoded. @see docs/model-package.md, calibration.json */
export interface FindingCalibration {
  readonly n: number;
  readonly patients: number;
  readonly positives: number;
  /** Share of positives among the held-out images. */
  readonly prevalence: number;
  /** Ascending, length n. Raw scores: never leave the process. */
  readonly logits: Float64Array;
  /** 0 or 1, in the order of `logits`. */
  readonly labels: Uint8Array;
  /** Ascending by threshold. */
  readonly operatingPoints: readonly OperatingPoint[];
  /** `p < ruleOut` is low. */
  readonly ruleOut: number;
  /** `p >= ruleIn` is elevated. */
  readonly ruleIn: number;
  readonly conformal: {
    readonly alpha: number;
    /** Nonconformity (−logit) of held-out positives, ascending. */
    readonly present: Float64Array;
    /** Nonconformity (+logit) of held-out negatives, ascending. */
    readonly absent: Float64Array;
  };
}

interface DetectorLimit {
  /** Which of several of a kind it is. */
  readonly name?: string;
  /** An image is out of distribution when its score exceeds it. */
  readonly threshold: number;
  /** Share of held-out in-distribution images above the threshold. */
  readonly falseAlarm: number;
}

/** score = 1 − mean of the k largest cosines between the features and the prototypes. */
export interface KnnCosine extends DetectorLimit {
  readonly kind: 'knn-cosine';
  readonly k: number;
  readonly dimension: number;
  readonly count: number;
  /** [count, dimension], rows of length 1. */
  readonly prototypes: Float32Array;
}

/** z = P (f − mean); score = minimum over the classes of (z − centre)ᵀ Λ (z − centre). */
export interface Mahalanobis extends DetectorLimit {
  readonly kind: 'mahalanobis';
  readonly dimension: number;
  readonly rank: number;
  readonly mean: Float32Array;
  /** [rank, dimension]. */
  readonly projection: Float32Array;
  readonly classes: readonly { readonly name: string; readonly centre: Float32Array }[];
  /** [rank, rank]. */
  readonly precision: Float32Array;
}

/** score = ‖(f − mean) − Pᵀ P (f − mean)‖, P with orthonormal rows. */
export interface Residual extends DetectorLimit {
  readonly kind: 'residual';
  readonly dimension: number;
  readonly rank: number;
  readonly mean: Float32Array;
  /** [rank, dimension]. */
  readonly projection: Float32Array;
}

/** score = −max(σ(logit), 1 − σ(logit)), exclusive classes: −max softmax. */
export interface Confidence extends DetectorLimit {
  readonly kind: 'confidence';
}

export type Detector = KnnCosine | Mahalanobis | Residual | Confidence;

export const qualityFeatureNames = [
  'standard-deviation',
  'mean',
  'saturated',
  'gradient',
  'mirror-correlation',
] as const;

export type QualityFeature = (typeof qualityFeatureNames)[number];

export interface QualityLimit {
  readonly name: QualityFeature;
  readonly minimum: number;
  readonly maximum: number;
}

/** Held-out cases in the coordinates of a Mahalanobis detector. */
export interface Neighbours {
  readonly detector: Mahalanobis;
  readonly n: number;
  /** [n, rank of the detector]. */
  readonly values: Float32Array;
  /** By finding: 0 or 1, length n. */
  readonly labels: Readonly<Record<string, Uint8Array>>;
  /** Median distance between two of the cases: the unit of {@link nearestCases}. */
  readonly median: number;
}

/** Counts over held-out images: bin i is [edges[i], edges[i + 1]). */
export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** Feature statistics, decoded. @see docs/model-package.md, reference.json */
export interface Reference {
  readonly n: number;
  readonly detectors: readonly Detector[];
  readonly quality: readonly QualityLimit[];
  /** null: the package holds none. */
  readonly neighbours: Neighbours | null;
  readonly histograms: {
    readonly probability: Histogram;
    readonly quality: Readonly<Record<string, Histogram>>;
  };
}

/** One generated picture with the outputs that every provider must give. */
export interface GoldenCase {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** 8-bit grey, row by row. */
  readonly pixels: Uint8Array;
  readonly tensor: { readonly mean: number; readonly first: readonly number[] };
  readonly logits: readonly number[];
  readonly cam: Float32Array;
  readonly features: Float32Array;
}

export interface Golden {
  /** Largest absolute difference, for every provider. */
  readonly tolerance: { readonly logits: number; readonly cam: number; readonly features: number };
  readonly cases: readonly GoldenCase[];
}

/** One figure of `evaluation.json`. */
export type EvaluationFigure = Pick<Measured, 'value' | 'interval'> & { readonly n?: number };

/** One bin of a reliability table. */
export interface ReliabilityBin {
  /** Mean probability of its images. */
  readonly predicted: number;
  /** Share that had the finding, with its 95 % interval. */
  readonly observed: number;
  readonly interval: readonly [number, number];
  readonly n: number;
}

/** `evaluation.json`: what was measured by training. */
export interface Evaluation {
  readonly schema: 1;
  readonly sets: readonly {
    readonly name: string;
    readonly description: string;
    readonly n: number;
    readonly positives: number;
    /** Of how many patients the images are. */
    readonly patients?: number;
    readonly findings: Readonly<Record<string, Readonly<Record<string, EvaluationFigure>>>>;
    readonly abstained: readonly { readonly code: string; readonly n: number }[];
    /** By finding, ascending by mean probability. */
    readonly reliability?: Readonly<Record<string, readonly ReliabilityBin[]>>;
  }[];
  readonly [more: string]: unknown;
}

/** The network of one variant: the very bytes whose digest was checked. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly opset: number;
}

/** A verified model package in memory. Immutable. */
export interface ModelPackage {
  readonly folder: string;
  readonly manifest: Manifest;
  /** SHA-256 of manifest.json, which names the digest of every other file: identifies the whole package. */
  readonly digest: string;
  readonly networks: Readonly<Record<string, Network>>;
  readonly calibration: Readonly<Record<string, FindingCalibration>>;
  readonly reference: Reference;
  readonly golden: Golden;
  readonly sourceAttributes: Readonly<Record<string, SourceAttribute>>;
  readonly evaluation: Evaluation;
  /** Markdown. */
  readonly card: string;
}
