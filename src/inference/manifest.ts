import { Type } from '@sinclair/typebox';
import type { Manifest } from '#core/model-package';
import {
  check,
  count,
  fileName,
  mustHold,
  parseJson,
  positiveCount,
  sha256,
  strict,
  text,
} from './schema.ts';

export const manifestFile = 'manifest.json';

const listed = Type.Object({ file: fileName, sha256 }, strict);
const output = { name: text, shape: Type.Array(positiveCount, { minItems: 2, maxItems: 4 }) };
const words = Type.Array(text, { minItems: 1, maxItems: 64 });

const manifestSchema = Type.Object(
  {
    schema: Type.Literal(1),
    name: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 64 }),
    version: Type.String({
      pattern: '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(-[0-9A-Za-z.-]+)?$',
      maxLength: 64,
    }),
    title: text,
    released: Type.String({ pattern: '^\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])$' }),
    findings: Type.Array(
      Type.Object(
        {
          name: Type.String({ pattern: '^[a-z0-9]+(-[a-z0-9]+)*$', maxLength: 64 }),
          label: text,
          code: Type.Object({ system: text, code: text, display: text }, strict),
          output: count,
          limits: Type.Array(text, { minItems: 1, maxItems: 16 }),
        },
        strict,
      ),
      { minItems: 1, maxItems: 64 },
    ),
    exclusive: Type.Boolean(),
    population: text,
    populationNoun: text,
    selects: Type.Object(
      {
        modality: words,
        sopClass: words,
        bodyPart: words,
        view: words,
        ageYears: Type.Tuple([Type.Number({ minimum: 0 }), Type.Number({ minimum: 0, maximum: 150 })]),
        minimumSize: Type.Tuple([positiveCount, positiveCount]),
        photometric: words,
      },
      strict,
    ),
    input: Type.Object(
      {
        name: text,
        shape: Type.Tuple([
          Type.Literal(1),
          Type.Literal(1),
          Type.Integer({ minimum: 16, maximum: 2048 }),
          Type.Integer({ minimum: 16, maximum: 2048 }),
        ]),
        resize: Type.Object(
          { rule: Type.Literal('area'), aspect: Type.Union([Type.Literal('squash'), Type.Literal('pad')]) },
          strict,
        ),
        intensity: Type.Object(
          {
            voi: Type.Boolean(),
            stretch: Type.Union([
              Type.Null(),
              Type.Object(
                {
                  lower: Type.Number({ minimum: 0, maximum: 100 }),
                  upper: Type.Number({ minimum: 0, maximum: 100 }),
                },
                strict,
              ),
            ]),
            offset: Type.Number(),
            scale: Type.Number({ exclusiveMinimum: 0 }),
          },
          strict,
        ),
      },
      strict,
    ),
    outputs: Type.Object(
      {
        logits: Type.Object(output, strict),
        features: Type.Object(output, strict),
        cam: Type.Object(
          { ...output, cellPixels: positiveCount, bias: Type.Array(Type.Number(), { minItems: 1 }) },
          strict,
        ),
      },
      strict,
    ),
    variants: Type.Record(
      Type.String({ pattern: '^[a-z0-9-]{1,32}$' }),
      Type.Object({ file: fileName, sha256, bytes: positiveCount, opset: positiveCount }, strict),
      { minProperties: 1, maxProperties: 8, additionalProperties: false },
    ),
    defaultVariant: text,
    files: Type.Object(
      {
        calibration: listed,
        reference: listed,
        golden: listed,
        sourceAttributes: listed,
        evaluation: listed,
        card: listed,
      },
      strict,
    ),
  },
  strict,
);

/** What each file is called; docs/model-package.md fixes the names. */
const fixedNames = {
  calibration: 'calibration.json',
  reference: 'reference.json',
  golden: 'golden.json',
  sourceAttributes: 'source-attributes.json',
  evaluation: 'evaluation.json',
  card: 'card.md',
} as const;

/**
 * Reads and checks `manifest.json`: its schema and everything that it must hold within itself.
 * @throws MODEL_PACKAGE_INVALID with the place and the rule
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  const manifest: Manifest = check(manifestSchema, parseJson(bytes, manifestFile), manifestFile);
  const must = (holds: boolean, rule: string): void => mustHold(holds, manifestFile, rule);
  const { findings, outputs, input, variants, files } = manifest;

  const classes = outputs.logits.shape[1] ?? 0;
  must(isShape(outputs.logits.shape, [1, classes]), '/outputs/logits/shape: must be [1, classes]');
  must(outputs.features.shape.length === 2, '/outputs/features/shape: must be [1, dimension]');
  must(outputs.features.shape[0] === 1, '/outputs/features/shape: the batch must be 1');
  must(outputs.cam.shape.length === 4, '/outputs/cam/shape: must be [1, classes, rows, columns]');
  must(
    outputs.cam.shape[0] === 1 && outputs.cam.shape[1] === classes,
    '/outputs/cam/shape: must have one map a logit',
  );
  must(outputs.cam.bias.length === classes, '/outputs/cam/bias: must have one bias a logit');
  must(
    (outputs.cam.shape[2] ?? 0) * outputs.cam.cellPixels === input.shape[2] &&
      (outputs.cam.shape[3] ?? 0) * outputs.cam.cellPixels === input.shape[3],
    '/outputs/cam/cellPixels: grid times cell size must be the input size',
  );
  must(distinct([input.name, ...Object.values(outputs).map((o) => o.name)]), '/outputs: names must differ');

  must(distinct(findings.map((f) => f.name)), '/findings: names must differ');
  must(distinct(findings.map((f) => f.output)), '/findings: outputs must differ');
  must(
    findings.every((f) => f.output < classes),
    '/findings: an output is beyond the logits',
  );
  must(!manifest.exclusive || classes > 1, '/exclusive: exclusive classes need more than one logit');

  const [from, to] = manifest.selects.ageYears;
  must(from < to, '/selects/ageYears: from must be below to');
  const stretch = input.intensity.stretch;
  must(
    stretch === null || stretch.lower < stretch.upper,
    '/input/intensity/stretch: lower must be below upper',
  );

  must(Object.hasOwn(variants, manifest.defaultVariant), '/defaultVariant: is not among the variants');
  for (const [key, name] of Object.entries(fixedNames)) {
    must(files[key as keyof typeof fixedNames].file === name, `/files/${key}: must be called ${name}`);
  }
  const networkFiles = Object.values(variants).map((v) => v.file);
  must(
    networkFiles.every((name) => name.endsWith('.onnx')),
    '/variants: a network file must end with .onnx',
  );
  must(distinct(networkFiles), '/variants: files must differ');
  return manifest;
}

function isShape(actual: readonly number[], wanted: readonly number[]): boolean {
  return actual.length === wanted.length && actual.every((size, i) => size === wanted[i]);
}

function distinct(values: readonly (string | number)[]): boolean {
  return new Set(values).size === values.length;
}
