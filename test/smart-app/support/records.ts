import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { AppContext, AppEvidence, AppFindingEvidence, AppPrevalenceView, AppStudy } from '#core/app';
import type { FindingView, ModelFacts } from '#core/hook-tools';
import type { Measured } from '#core/model-package';
import { sourceAttributeDefinitions } from '#core/source-attributes';
import { valueAtPrevalence } from '#statistics/operating-point';
import { shiftPrevalence } from '#statistics/prevalence';

/** What the server of the app answers, made of the shipped model's own files, for tests of the page. */

const folder = path.resolve(import.meta.dirname, '../../../models/chest-xray-pneumonia-paediatric/1.0.0');
const read = <T>(name: string): T => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T;

const manifest = read<{
  name: string;
  version: string;
  title: string;
  population: string;
  populationNoun: string;
  released: string;
  findings: readonly [{ name: string; label: string; code: FindingView['code']; limits: readonly string[] }];
}>('manifest.json');
const calibration = read<{
  findings: {
    pneumonia: {
      n: number;
      patients: number;
      prevalence: number;
      operatingPoints: readonly {
        name: string;
        threshold: number;
        sensitivity: Measured;
        specificity: Measured;
      }[];
    };
  };
}>('calibration.json').findings.pneumonia;
const attributes = read<{ attributes: Readonly<Record<string, { text: string }>> }>('source-attributes.json');
const [spec] = manifest.findings;

export const model: ModelFacts = {
  name: manifest.name,
  version: manifest.version,
  title: manifest.title,
  population: manifest.population,
  populationNoun: manifest.populationNoun,
  use: 'research',
};

/** A finding at a share, from its probability at the calibration set's share. */
export function findingAt(
  calibrated: number,
  interval: readonly [number, number],
  share: number | null,
): FindingView {
  const value = share ?? calibration.prevalence;
  const moved = shiftPrevalence({ probability: calibrated, interval }, calibration.prevalence, value);
  const band = calibrated >= 0.8 ? 'elevated' : calibrated <= 0.2 ? 'low' : 'indeterminate';
  return {
    name: spec.name,
    label: spec.label,
    code: spec.code,
    ...moved,
    band,
    atypical: false,
    zones: band === 'elevated' ? ['right lower zone', 'right mid zone'] : [],
    limits: spec.limits,
    calibration: { method: 'venn-abers', n: calibration.n, patients: calibration.patients },
    prevalence: {
      value,
      source: share === null ? 'calibration' : 'tenant',
      calibration: calibration.prevalence,
    },
    operatingPoint: null,
  };
}

/** The same at any share, as the server's own statistics give it. */
export function viewAt(
  calibrated: number,
  interval: readonly [number, number],
  share: number,
  source: AppPrevalenceView['source'],
): AppPrevalenceView {
  return {
    prevalence: share,
    source,
    ...shiftPrevalence({ probability: calibrated, interval }, calibration.prevalence, share),
    operatingPoints: calibration.operatingPoints.map((point) => {
      const { ppv, npv, falsePerTrue } = valueAtPrevalence(point.sensitivity, point.specificity, share);
      return {
        ...point,
        ppv,
        npv,
        falsePerTrue: Number.isFinite(falsePerTrue.value) ? falsePerTrue.value : null,
      };
    }),
  };
}

export const elevated = { calibrated: 0.985, interval: [0.955, 0.996] } as const;
const share = 0.18;

const base: Omit<AppStudy, 'key' | 'started' | 'assessment'> = {
  description: 'XR CHEST AP',
  modalities: ['DX'],
  images: 1,
  state: 'final',
  completed: '2026-11-20T09:14:42Z',
  model,
  findings: [],
  reason: null,
  pending: null,
  report: null,
  answer: null,
};

export const report: NonNullable<AppStudy['report']> = {
  status: 'final',
  issued: '2026-11-20T11:02:00Z',
  conclusion:
    'Consolidation in the right lower lobe, consistent with lobar pneumonia.\nNo effusion. Heart size normal.',
  performer: 'Dr. Ana Ruiz',
};

export const studies = {
  elevated: {
    ...base,
    key: 'study-elevated',
    started: '2026-11-20T09:12:00+01:00',
    assessment: 'a-elevated',
    findings: [findingAt(elevated.calibrated, elevated.interval, share)],
    report,
  },
  pending: {
    ...base,
    key: 'study-pending',
    started: '2026-11-27T20:58:00Z',
    assessment: null,
    completed: null,
    description: 'XR CHEST PA AND LATERAL',
    images: 2,
    state: 'pending',
    pending: { since: '2026-11-27T21:01:10Z', usualSeconds: 4 },
  },
  abstained: {
    ...base,
    key: 'study-abstained',
    started: '2026-10-02T14:30:00Z',
    assessment: 'a-abstained',
    description: 'XR CHEST LATERAL',
    state: 'abstained',
    reason: {
      code: 'GATE_VIEW',
      text: 'The projection is not one that the model was made for.',
      help: 'Frontal chest radiographs (AP, PA) are read.',
    },
  },
  failed: {
    ...base,
    key: 'study-failed',
    started: '2026-09-14T08:05:00Z',
    assessment: null,
    completed: null,
    state: 'failed',
    reason: {
      code: 'DICOMWEB_TIMEOUT',
      text: 'The imaging server did not deliver the study in time.',
      help: 'The service tries again by itself.',
    },
  },
  indeterminate: {
    ...base,
    key: 'study-indeterminate',
    started: '2026-07-03T10:20:00Z',
    assessment: 'a-indeterminate',
    completed: '2026-07-03T10:21:12Z',
    findings: [findingAt(0.58, [0.37, 0.77], share)],
  },
  low: {
    ...base,
    key: 'study-low',
    started: '2026-03-11',
    assessment: 'a-low',
    completed: '2026-03-11T07:40:00Z',
    findings: [findingAt(0.03, [0.01, 0.09], share)],
    answer: {
      id: 'answer-1',
      kind: 'agree',
      finding: 'pneumonia',
      reason: null,
      outcome: null,
      comment: null,
      by: { name: 'Dr. Mara Lindqvist', reference: 'Practitioner/7' },
      at: '2026-03-11T08:02:00Z',
      replaces: null,
    },
  },
} as const satisfies Readonly<Record<string, AppStudy>>;

const edges = Array.from({ length: 21 }, (_, index) => index / 20);
const present = [1, 0, 0, 1, 0, 1, 1, 0, 2, 1, 2, 2, 3, 4, 5, 7, 9, 16, 41, 312];
const absent = [96, 11, 5, 3, 2, 1, 2, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0];

const behind: AppFindingEvidence = {
  finding: spec.name,
  set: ['present'],
  alpha: 0.05,
  here: viewAt(elevated.calibrated, elevated.interval, share, 'tenant'),
  reliability: {
    set: 'held-out patients of the training source',
    n: 526,
    patients: 364,
    bins: [
      { predicted: 0.02, observed: 0.019, interval: [0.005, 0.066], n: 105 },
      { predicted: 0.31, observed: 0.4, interval: [0.31, 0.49], n: 105 },
      { predicted: 0.93, observed: 0.95, interval: [0.89, 0.98], n: 106 },
      { predicted: 0.985, observed: 0.99, interval: [0.95, 0.998], n: 105 },
      { predicted: 0.997, observed: 1, interval: [0.965, 1], n: 105 },
    ],
  },
  distribution: { edges, present, absent, here: elevated.calibrated, quantile: 0.71 },
  explanation: {
    grid: [7, 7],
    cellPixels: 32,
    shares: Array.from({ length: 49 }, (_, cell) =>
      Math.max(0, 1 - Math.hypot((cell % 7) - 2, Math.floor(cell / 7) - 4) / 3),
    ),
    zones: ['right lower zone', 'right mid zone'],
    covers: [0, 0, 1, 1],
  },
  neighbours: [
    { outcome: 'present', distance: 0.31 },
    { outcome: 'present', distance: 0.34 },
    { outcome: 'present', distance: 0.37 },
    { outcome: 'absent', distance: 0.42 },
    { outcome: 'present', distance: 0.44 },
  ],
};

const gates: AppEvidence['gates'] = [
  { gate: 'modality', passed: true, detail: 'DX' },
  { gate: 'body-part', passed: true, detail: 'CHEST' },
  { gate: 'view', passed: true, detail: 'AP' },
  { gate: 'age', passed: true, detail: '3.4 years, limits 1 to 6' },
  { gate: 'photometric', passed: true, detail: 'MONOCHROME2' },
  { gate: 'size', passed: true, detail: '2022 × 1736, at least 224 × 224' },
  { gate: 'burned-in', passed: null, detail: 'not stated' },
  { gate: 'patient', passed: true, detail: 'name and birth date agree' },
  { gate: 'quality', passed: true, detail: 'standard deviation 61.2, limits 37.5 to 113.4' },
  { gate: 'out-of-distribution', passed: true, detail: '0.74 of the limit' },
];

const ofElevated: AppEvidence = {
  study: studies.elevated,
  model: { ...model, variant: 'fp32', provider: 'cpu', released: manifest.released },
  image: { view: 'AP', modality: 'DX', ageYears: 3.4, studyDate: '2026-11-20', instance: 'i1' },
  findings: [behind],
  gates,
  quality: [
    { name: 'standard-deviation', value: 61.2, minimum: 37.5, maximum: 113.4 },
    { name: 'saturated', value: 0.02, minimum: 0, maximum: 0.79 },
  ],
  outOfDistribution: [
    { name: 'features', index: 0.74, falseAlarm: 0.01 },
    { name: 'histogram', index: 0.52, falseAlarm: 0.02 },
  ],
  sourceAttributes: sourceAttributeDefinitions.map(({ key, clause, name }) => ({
    key,
    clause,
    name,
    text: attributes.attributes[key]?.text ?? 'Not available.',
  })),
  madeFrom: attributes.attributes['predictive_development_criteria']?.text ?? '',
  notFor: attributes.attributes['predictive_cautions_inappropriate_use']?.text ?? '',
  timing: [
    { step: 'fetch', milliseconds: 214 },
    { step: 'decode', milliseconds: 96 },
    { step: 'preprocess', milliseconds: 12 },
    { step: 'infer', milliseconds: 61 },
    { step: 'explain', milliseconds: 1 },
    { step: 'total', milliseconds: 1_402 },
  ],
  answers: [],
  cardFeedback: [
    {
      outcome: 'overridden',
      reason: 'Already known and acted on',
      comment: null,
      at: '2026-11-20T10:00:00Z',
    },
  ],
};

const ofAbstained: AppEvidence = {
  ...ofElevated,
  study: studies.abstained,
  image: { view: 'LL', modality: 'DX', ageYears: 3.2, studyDate: '2026-10-02', instance: null },
  findings: [],
  gates: [...gates.slice(0, 2), { gate: 'view', passed: false, detail: 'LL; read are AP, PA' }],
  quality: [],
  outOfDistribution: [],
  cardFeedback: [],
};

const ofLow: AppEvidence = {
  ...ofElevated,
  study: studies.low,
  findings: [
    {
      ...behind,
      set: ['absent'],
      here: viewAt(0.03, [0.01, 0.09], share, 'tenant'),
      distribution: { ...behind.distribution, here: 0.03, quantile: 0.12 },
      explanation: null,
      neighbours: null,
      reliability: null,
    },
  ],
  answers: [studies.low.answer],
  cardFeedback: [],
};

export const evidenceOf = { elevated: ofElevated, abstained: ofAbstained, low: ofLow } as const;

export const context: AppContext = {
  launch: 'chart',
  tenant: { id: 'sandbox', name: 'Sandbox' },
  sandbox: true,
  user: { name: 'Dr. Mara Lindqvist', reference: 'Practitioner/7' },
  patient: {
    name: 'Lucía Fernández Ortiz',
    birthDate: '2023-06-14',
    sex: 'female',
    identifiers: ['MRN 00418832', 'NHC 77-1204'],
  },
  needPatientBanner: true,
  intent: null,
  focus: { assessment: null, study: null },
  style: null,
  expiresAt: '2099-01-01T00:00:00Z',
  mayAnswer: true,
};
