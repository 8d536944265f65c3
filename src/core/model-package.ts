import type { Coding } from './imaging.ts';

/** `manifest.json` of a model package. @see docs/model-package.md */
export interface Manifest {
  readonly schema: 1;
  readonly name: string;
  readonly version: string;
  readonly title: string;
  /** `YYYY-MM-DD`. */
  readonly released: string;
  readonly findings: readonly ManifestFinding[];
  readonly exclusive: boolean;
  readonly population: string;
  readonly populationNoun: string;
  readonly selects: Selects;
  readonly input: InputSpec;
  readonly outputs: {
    readonly logits: OutputSpec;
    readonly features: OutputSpec;
    readonly cam: OutputSpec & { readonly cellPixels: number; readonly bias: readonly number[] };
  };
  readonly variants: Readonly<Record<string, Variant>>;
  readonly defaultVariant: string;
  readonly files: Readonly<Record<PackageFile, { readonly file: string; readonly sha256: string }>>;
}

export type PackageFile = 'calibration' | 'reference' | 'golden' | 'sourceAttributes' | 'evaluation' | 'card';

export interface ManifestFinding {
  readonly name: string;
  readonly label: string;
  readonly code: Coding;
  /** Index into the logits. */
  readonly output: number;
  /** Sentences for the card: what the model cannot tell. */
  readonly limits: readonly string[];
}

/** The header gates. */
export interface Selects {
  readonly modality: readonly string[];
  readonly sopClass: readonly string[];
  readonly bodyPart: readonly string[];
  readonly view: readonly string[];
  /** [from, including; to, excluding], years at the study date. */
  readonly ageYears: readonly [number, number];
  /** [rows, columns]. */
  readonly minimumSize: readonly [number, number];
  readonly photometric: readonly string[];
}

export interface InputSpec {
  readonly name: string;
  /** [batch, channel, row, column]. */
  readonly shape: readonly [number, number, number, number];
  readonly resize: { readonly rule: 'area'; readonly aspect: 'squash' | 'pad' };
  readonly intensity: {
    readonly voi: boolean;
    /** Percentiles, [0, 100]. */
    readonly stretch: { readonly lower: number; readonly upper: number } | null;
    readonly offset: number;
    readonly scale: number;
  };
}

export interface OutputSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface Variant {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly opset: number;
}

/** A measured value with its interval. */
export interface Measured {
  readonly value: number;
  readonly interval: readonly [number, number];
  /** Images. */
  readonly n: number;
  /** Of how many patients the images are, where the package says so. */
  readonly patients?: number;
}

export interface OperatingPoint {
  readonly name: string;
  /** On the calibrated, unshifted probability. */
  readonly threshold: number;
  readonly sensitivity: Measured;
  readonly specificity: Measured;
}
