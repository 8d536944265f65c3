import { graph, message, model, node, value } from './onnx-writer.ts';
import type { Loose, SmallPackage } from './small-package.ts';

export const b64 = (values: Float64Array | Float32Array | Uint8Array): string =>
  Buffer.from(values.buffer).toString('base64');

type Break = (parts: SmallPackage) => void;
/** Each rule of docs/model-package.md with a change that breaks it and nothing else. */
export const rules: readonly (readonly [rule: string, broken: Break])[] = [
  // manifest.json
  ['manifest.json: /schema', (p) => (p.manifest.schema = 2)],
  ['manifest.json: /extra', (p) => (p.manifest.extra = 1)],
  ['manifest.json: /released', (p) => (p.manifest.released = '24.11.2026')],
  ['manifest.json: /version', (p) => (p.manifest.version = '1.0')],
  ['manifest.json: /findings', (p) => (p.manifest.findings = [])],
  ['manifest.json: /findings/0/limits', (p) => (p.manifest.findings[0].limits = [])],
  ['manifest.json: /findings: an output is beyond the logits', (p) => (p.manifest.findings[0].output = 1)],
  [
    'manifest.json: /findings: names must differ',
    (p) => p.manifest.findings.push({ ...p.manifest.findings[0], output: 1 }),
  ],
  [
    'manifest.json: /findings: outputs must differ',
    (p) => p.manifest.findings.push({ ...p.manifest.findings[0], name: 'other' }),
  ],
  ['manifest.json: /exclusive', (p) => (p.manifest.exclusive = true)],
  ['manifest.json: /selects/modality', (p) => delete p.manifest.selects.modality],
  ['manifest.json: /selects/ageYears', (p) => (p.manifest.selects.ageYears = [6, 6])],
  ['manifest.json: /input/shape', (p) => (p.manifest.input.shape = [1, 3, 16, 16])],
  ['manifest.json: /input/resize', (p) => (p.manifest.input.resize.rule = 'bilinear')],
  [
    'manifest.json: /input/intensity/stretch',
    (p) => (p.manifest.input.intensity.stretch = { lower: 99, upper: 1 }),
  ],
  ['manifest.json: /input/intensity/scale', (p) => (p.manifest.input.intensity.scale = 0)],
  ['manifest.json: /outputs/logits/shape', (p) => (p.manifest.outputs.logits.shape = [2, 1])],
  ['manifest.json: /outputs/features/shape', (p) => (p.manifest.outputs.features.shape = [1, 2, 1])],
  ['manifest.json: /outputs/features/shape', (p) => (p.manifest.outputs.features.shape = [2, 2])],
  ['manifest.json: /outputs/cam/shape', (p) => (p.manifest.outputs.cam.shape = [1, 1, 16])],
  ['manifest.json: /outputs/cam/shape', (p) => (p.manifest.outputs.cam.shape = [1, 2, 4, 4])],
  ['manifest.json: /outputs/cam/bias', (p) => (p.manifest.outputs.cam.bias = [0, 0])],
  ['manifest.json: /outputs/cam/cellPixels', (p) => (p.manifest.outputs.cam.cellPixels = 3)],
  ['manifest.json: /outputs: names must differ', (p) => (p.manifest.outputs.cam.name = 'features')],
  ['manifest.json: /defaultVariant', (p) => (p.manifest.defaultVariant = 'int8')],
  ['manifest.json: /variants', (p) => (p.manifest.variants = {})],
  [
    'manifest.json: /variants: a network file must end with .onnx',
    (p) => (p.manifest.variants.fp32.file = 'model.bin'),
  ],
  [
    'manifest.json: /variants: files must differ',
    (p) => (p.manifest.variants.int8 = { ...p.manifest.variants.fp32, sha256: '0'.repeat(64), bytes: 1 }),
  ],
  ['manifest.json: /variants/fp32/file', (p) => (p.manifest.variants.fp32.file = '../model.onnx')],
  ['manifest.json: /variants/fp32/bytes', (p) => (p.manifest.variants.fp32.bytes = 7)],
  ['manifest.json: /files/card', (p) => delete p.manifest.files.card],
  ['manifest.json: /files/card: must be called card.md', (p) => (p.manifest.files.card.file = 'README.md')],
  // model.onnx
  ['model.onnx: has opset 17, the manifest says 16', (p) => (p.manifest.variants.fp32.opset = 16)],
  [
    'model.onnx: opset must be 13 to 23',
    (p) => {
      p.manifest.variants.fp32.opset = 30;
      p.network = message([1, 8], [7, graph({})], [8, message([1, ''], [2, 30])]);
    },
  ],
  ['model.onnx: must have exactly one input', (p) => (p.network = model(graph({})))],
  [
    'model.onnx: has no "image"',
    (p) => (p.network = model(graph({ inputs: [value('other', [1, 1, 16, 16])] }))),
  ],
  [
    'model.onnx: image must be float32',
    (p) => (p.network = model(graph({ inputs: [value('image', [1, 1, 16, 16], 10)] }))),
  ],
  [
    'model.onnx: image has another shape',
    (p) => (p.network = model(graph({ inputs: [value('image', [1, 1, 16, 17])] }))),
  ],
  [
    'model.onnx: image has another shape',
    (p) => (p.network = model(graph({ inputs: [value('image', [1, 1, 16])] }))),
  ],
  [
    'model.onnx: has no "logits"',
    (p) => (p.network = model(graph({ inputs: [value('image', ['n', 1, 16, 16])] }))),
  ],
  [
    'model.onnx: operator com.example:Evil is not allowed',
    (p) => (p.network = model(graph({ nodes: [node('Evil', [], [], { domain: 'com.example' })] }))),
  ],
  // calibration.json
  [
    'calibration.json: /findings: must be those of the manifest',
    (p) => (p.calibration.findings.other = p.calibration.findings.brightness),
  ],
  [
    'calibration.json: /findings: brightness is missing',
    (p) => (p.calibration.findings = { other: p.calibration.findings.brightness }),
  ],
  ['calibration.json: /findings/brightness/method', (p) => (finding(p).method = 'platt')],
  [
    'calibration.json: /findings/brightness/logitsF64: must be ascending',
    (p) => (finding(p).logitsF64 = b64(Float64Array.from([2, 1]))),
  ],
  [
    'calibration.json: /findings/brightness/logitsF64: must be ascending',
    (p) => (finding(p).logitsF64 = b64(Float64Array.from([1, Number.NaN]))),
  ],
  ['calibration.json: /findings/brightness/logitsF64', (p) => (finding(p).logitsF64 = 'not base64')],
  [
    'calibration.json: /findings/brightness/logitsF64',
    (p) => (finding(p).logitsF64 = b64(new Uint8Array(9))),
  ],
  ['calibration.json: /findings/brightness/labelsU8: must be base64', (p) => (finding(p).labelsU8 = '?')],
  [
    'calibration.json: /findings/brightness/labelsU8: must be 0 or 1',
    (p) => (finding(p).labelsU8 = b64(new Uint8Array(60).fill(2))),
  ],
  ['calibration.json: /findings/brightness/n', (p) => (finding(p).n = 61)],
  ['calibration.json: /findings/brightness/positives: is not the number', (p) => (finding(p).positives += 1)],
  [
    'calibration.json: /findings/brightness: needs positives and negatives',
    (p) => {
      finding(p).labelsU8 = b64(new Uint8Array(60).fill(1));
      finding(p).positives = 60;
    },
  ],
  ['calibration.json: /findings/brightness/prevalence', (p) => (finding(p).prevalence += 0.01)],
  ['calibration.json: /findings/brightness/patients', (p) => (finding(p).patients = 61)],
  [
    'calibration.json: /findings/brightness/conformal: needs 9 scores a class',
    (p) => (finding(p).conformal.presentF64 = b64(new Float64Array(8))),
  ],
  [
    'calibration.json: /findings/brightness/conformal/absentF64',
    (p) => (finding(p).conformal.absentF64 = b64(Float64Array.from([1, 0]))),
  ],
  ['calibration.json: /findings/brightness/conformal/alpha', (p) => (finding(p).conformal.alpha = 0)],
  [
    'calibration.json: /findings/brightness/operatingPoints: must ascend',
    (p) => finding(p).operatingPoints.reverse(),
  ],
  [
    'calibration.json: /findings/brightness/operatingPoints: needs rule-out and rule-in',
    (p) => (finding(p).operatingPoints[0].name = 'other'),
  ],
  [
    'calibration.json: /findings/brightness/operatingPoints: needs rule-out and rule-in',
    (p) => finding(p).operatingPoints.push(finding(p).operatingPoints[1]),
  ],
  [
    'calibration.json: /findings/brightness/operatingPoints: rule-out must not be above',
    (p) => {
      const points = finding(p).operatingPoints;
      [points[0].name, points[1].name] = ['rule-in', 'rule-out'];
    },
  ],
  [
    'calibration.json: /findings/brightness/operatingPoints: a value is outside',
    (p) => (finding(p).operatingPoints[0].sensitivity.interval = [0.96, 1]),
  ],
  // reference.json
  ['reference.json: /detectors', (p) => (p.reference.detectors = [])],
  ['reference.json: /detectors: needs one on the features', (p) => p.reference.detectors.shift()],
  ['reference.json: /detectors/0/dimension', (p) => (p.reference.detectors[0].dimension = 3)],
  ['reference.json: /detectors/0/k', (p) => (p.reference.detectors[0].k = 3)],
  [
    'reference.json: /detectors/0/prototypesF32: must be 6 float32 values',
    (p) => (p.reference.detectors[0].count = 3),
  ],
  [
    'reference.json: /detectors/0/prototypesF32: row 1 is not of length 1',
    (p) => (p.reference.detectors[0].prototypesF32 = b64(Float32Array.from([0, 1, 1, 1]))),
  ],
  [
    'reference.json: /detectors/0/prototypesF32: has a value that is not a number',
    (p) => (p.reference.detectors[0].prototypesF32 = b64(Float32Array.from([0, 1, Number.NaN, 1]))),
  ],
  [
    'reference.json: /detectors/0/rank: is more than the dimension',
    (p) => (p.reference.detectors[0] = residual({ rank: 3 })),
  ],
  [
    'reference.json: /detectors/0/meanF32',
    (p) => (p.reference.detectors[0] = residual({ meanF32: b64(new Float32Array(1)) })),
  ],
  [
    'reference.json: /detectors/0/projectionF32',
    (p) => (p.reference.detectors[0] = residual({ projectionF32: b64(new Float32Array(3)) })),
  ],
  [
    'reference.json: /detectors/0/classes/0/centreF32',
    (p) =>
      (p.reference.detectors[0] = {
        ...residual({}),
        kind: 'mahalanobis',
        classes: [{ name: 'a', centreF32: '' }],
        precisionF32: b64(new Float32Array(1)),
      }),
  ],
  [
    'reference.json: /detectors/0/precisionF32',
    (p) =>
      (p.reference.detectors[0] = {
        ...residual({}),
        kind: 'mahalanobis',
        classes: [{ name: 'a', centreF32: b64(new Float32Array(1)) }],
        precisionF32: '',
      }),
  ],
  ['reference.json: /quality/0: minimum is above maximum', (p) => (p.reference.quality[0].minimum = 200)],
  ['reference.json: /quality/0/name', (p) => (p.reference.quality[0].name = 'beauty')],
  [
    'reference.json: /neighbours/detector: names no mahalanobis detector',
    (p) => (p.reference.neighbours = neighbours({ detector: 'other' })),
  ],
  [
    'reference.json: /neighbours/valuesF32: must be 2 float32 values',
    (p) => withNeighbours(p, { valuesF32: b64(new Float32Array(1)) }),
  ],
  [
    'reference.json: /neighbours/valuesF32: has a value that is not a number',
    (p) => withNeighbours(p, { valuesF32: b64(Float32Array.from([0, Number.NaN])) }),
  ],
  [
    'reference.json: /neighbours/labelsU8/brightness: must be 2 labels',
    (p) => withNeighbours(p, { labelsU8: {} }),
  ],
  [
    'reference.json: /neighbours/labelsU8/brightness: has a label that is not 0 or 1',
    (p) => withNeighbours(p, { labelsU8: { brightness: b64(Uint8Array.from([0, 2])) } }),
  ],
  ['reference.json: /neighbours/median', (p) => withNeighbours(p, { median: 0 })],
  [
    'reference.json: /histograms/probability: needs one edge more',
    (p) => p.reference.histograms.probability.counts.pop(),
  ],
  [
    'reference.json: /histograms/quality/mean/edges: must ascend',
    (p) => (p.reference.histograms.quality.mean.edges = [0, 0, 1]),
  ],
  // golden.json
  ['golden.json: /cases', (p) => (p.golden.cases = [])],
  ['golden.json: /tolerance/logits', (p) => (p.golden.tolerance.logits = 5)],
  ['golden.json: /cases/1/pixelsU8', (p) => (p.golden.cases[1].rows = 21)],
  ['golden.json: /cases/0/tensor/first', (p) => p.golden.cases[0].tensor.first.pop()],
  ['golden.json: /cases/0/logits', (p) => p.golden.cases[0].logits.push(1)],
  ['golden.json: /cases/0/camF32', (p) => (p.golden.cases[0].camF32 = b64(new Float32Array(15)))],
  ['golden.json: /cases/0/featuresF32', (p) => (p.golden.cases[0].featuresF32 = b64(new Float32Array(3)))],
  // source-attributes.json
  ['source-attributes.json: /vocabulary', (p) => (p.sourceAttributes.vocabulary = 'other')],
  [
    'source-attributes.json: /attributes: predictive_details_developer is missing',
    (p) => delete p.sourceAttributes.attributes.predictive_details_developer,
  ],
  [
    'source-attributes.json: /attributes/predictive_details_developer: must be provided',
    (p) => (p.sourceAttributes.attributes.predictive_details_developer.status = 'not-available'),
  ],
  [
    'source-attributes.json: /attributes: predictive_own is not one of the 31',
    (p) =>
      (p.sourceAttributes.attributes.predictive_own =
        p.sourceAttributes.attributes.predictive_details_developer),
  ],
  [
    'source-attributes.json: /attributes/predictive_details_funding/text',
    (p) => (p.sourceAttributes.attributes.predictive_details_funding.text = ''),
  ],
  [
    'source-attributes.json: /attributes/predictive_details_developer/evidence: other.json is not a file',
    (p) => (p.sourceAttributes.attributes.predictive_details_developer.evidence = ['other.json']),
  ],
  [
    'source-attributes.json: /attributes/predictive_details_developer/evidence: nothing at',
    (p) =>
      (p.sourceAttributes.attributes.predictive_details_developer.evidence = ['evaluation.json#/sets/1']),
  ],
  // evaluation.json
  ['evaluation.json: /sets', (p) => (p.evaluation.sets = [])],
  ['evaluation.json: /sets/0/findings: brightness is missing', (p) => (p.evaluation.sets[0].findings = {})],
  [
    'evaluation.json: /sets/0/findings/brightness/auroc/interval',
    (p) => delete p.evaluation.sets[0].findings.brightness.auroc.interval,
  ],
  [
    'evaluation.json: /sets/0/findings/brightness/auroc: the interval is upside down',
    (p) => p.evaluation.sets[0].findings.brightness.auroc.interval.reverse(),
  ],
  // card.md
  ['card.md: is empty', (p) => (p.card = ' \n')],
];

function finding(parts: SmallPackage): Loose {
  return parts.calibration.findings.brightness;
}

/** A residual detector that fits the small package. */
export function residual(change: Loose): Loose {
  return {
    kind: 'residual',
    dimension: 2,
    rank: 1,
    meanF32: b64(new Float32Array(2)),
    projectionF32: b64(new Float32Array(2)),
    threshold: 1,
    falseAlarm: 0.01,
    ...change,
  };
}

/** A Mahalanobis detector of rank 1 on the first feature. */
export function distances(): Loose {
  return {
    ...residual({}),
    kind: 'mahalanobis',
    name: 'near',
    projectionF32: b64(Float32Array.from([1, 0])),
    classes: [{ name: 'a', centreF32: b64(new Float32Array(1)) }],
    precisionF32: b64(Float32Array.from([1])),
    threshold: 1e9,
  };
}

/** Two held-out cases, at 0 without and at 8 with the finding. */
export function neighbours(change: Loose): Loose {
  return {
    detector: 'near',
    n: 2,
    valuesF32: b64(Float32Array.from([0, 8])),
    labelsU8: { brightness: b64(Uint8Array.from([0, 1])) },
    median: 8,
    ...change,
  };
}

/** Gives a package the detector and the cases. */
export function withNeighbours(parts: SmallPackage, change: Loose): void {
  parts.reference.detectors.push(distances());
  parts.reference.neighbours = neighbours(change);
}
