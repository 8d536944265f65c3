import { type Explanation, pictureSide } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { Manifest, ManifestFinding } from '#core/model-package';

/** Raw outputs of one forward pass over one image. Private: they never leave the process. */
export interface ModelOutputs {
  /** [classes], unbounded. */
  readonly logits: Float32Array;
  /** [dimension], pooled. */
  readonly features: Float32Array;
  /** [classes, grid rows, grid columns], logit units. */
  readonly cam: Float32Array;
}

/**
 * The class activation map of one finding, after its completeness check: the mean of the map plus the bias is
 * the logit, to 1e-4 × max(1, |logit|). A map that does not add up explains something else than the result.
 * @throws MODEL_COMPLETENESS_FAILED
 * @see docs/model-package.md, manifest.json `outputs.cam`
 */
export function explainFinding(
  outputs: ModelOutputs,
  manifest: Manifest,
  finding: ManifestFinding,
): Explanation {
  const { shape, cellPixels, bias } = manifest.outputs.cam;
  const rows = shape[2] ?? 0;
  const columns = shape[3] ?? 0;
  const cells = rows * columns;
  const values = Array.from(outputs.cam.subarray(finding.output * cells, (finding.output + 1) * cells));
  const sum = values.reduce((total, value) => total + value, 0);
  const logit = outputs.logits[finding.output] ?? Number.NaN;
  const gap = Math.abs(sum / cells + (bias[finding.output] ?? Number.NaN) - logit);
  if (!(gap <= 1e-4 * Math.max(1, Math.abs(logit)))) throw new ServiceError('MODEL_COMPLETENESS_FAILED');
  return { finding: finding.name, grid: [rows, columns], cellPixels, values };
}

/**
 * Whose right and left the sides of a frontal picture are. `standard`: its left is the patient's right; `mirrored`: its
 * left is the patient's left; `unknown`: nothing says it, so zones name the picture's sides.
 */
export type Sides = 'standard' | 'mirrored' | 'unknown';

interface Zone {
  /** Of the picture. */
  readonly side: 'left' | 'right' | 'central';
  readonly level: string;
  /** Fractions of the image: [left, right], [top, bottom]. */
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

const third = 1 / 3;
const heights = [
  ['upper', [0, third]],
  ['mid', [third, 2 * third]],
  ['lower', [2 * third, 1]],
] as const;

/**
 * Zones of a frontal view. Each side takes two fifths of the width and is cut into thirds of the image's height; the fifth between them, spine and mediastinum, is one zone.
 * They are parts of the picture, not outlines of lungs: the words say no more than a coarse map can.
 */
const zones: readonly Zone[] = [
  ...heights.map(([level, y]): Zone => ({ side: 'left', level, x: [0, 0.4], y })),
  ...heights.map(([level, y]): Zone => ({ side: 'right', level, x: [0.6, 1], y })),
  { side: 'central', level: '', x: [0.4, 0.6], y: [0, 1] },
];

const sideNames = {
  standard: { left: 'right', right: 'left' },
  mirrored: { left: 'left', right: 'right' },
  unknown: { left: `${pictureSide} left`, right: `${pictureSide} right` },
} as const;

/** A zone is named when its mean positive activation is at least this share of the strongest zone's. */
const leastShare = 0.5;

/**
 * Where a map speaks for its finding, in words, strongest first: `right lower zone`, `left mid zone`,
 * `central zone`, `whole right side` (all its three zones). Only positive activation counts; a map without any
 * gives no zone. "Right" and "left" are the patient's, or "picture’s left" where nothing says whose.
 * @param grid [rows, columns] of the maps
 * @returns reader of one map, row by row
 */
export function createZoneReader(
  grid: readonly [number, number],
): (values: readonly number[], sides: Sides) => readonly string[] {
  const masks = zones.map((zone) => zoneMask(zone, grid));
  return (values, sides) => {
    const scored = zones
      .map((zone, i) => ({ zone, density: positiveDensity(masks[i]!, values) }))
      .sort((a, b) => b.density - a.density);
    const strongest = scored[0]?.density ?? 0;
    if (!(strongest > 0)) return [];
    const named = scored.filter(({ density }) => density >= leastShare * strongest).map(({ zone }) => zone);
    const words = named.map(({ side, level }) => {
      if (side === 'central') return 'central zone';
      const isWhole = named.filter((zone) => zone.side === side).length === heights.length;
      const name = sideNames[sides][side];
      return isWhole ? wholeSide(name) : `${name} ${level} zone`;
    });
    return [...new Set(words)];
  };
}

/** `whole right side`, `picture’s whole left side`. */
function wholeSide(name: string): string {
  return `${name.replace(/(left|right)$/, 'whole $1')} side`;
}

/** Weight of each cell in the mean over a zone: cells on its edge count by the share that lies in it. */
function zoneMask({ x, y }: Zone, [rows, columns]: readonly [number, number]): Float64Array {
  const area = (x[1] - x[0]) * (y[1] - y[0]);
  return Float64Array.from({ length: rows * columns }, (_, cell) => {
    const r = Math.floor(cell / columns);
    const c = cell % columns;
    return (overlap(y, r / rows, (r + 1) / rows) * overlap(x, c / columns, (c + 1) / columns)) / area;
  });
}

function positiveDensity(mask: Float64Array, values: readonly number[]): number {
  let sum = 0;
  for (let cell = 0; cell < mask.length; cell++) sum += mask[cell]! * Math.max(0, values[cell]!);
  return sum;
}

function overlap([from, to]: readonly [number, number], low: number, high: number): number {
  return Math.max(0, Math.min(to, high) - Math.max(from, low));
}
