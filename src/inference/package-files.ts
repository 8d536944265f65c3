import { Type } from '@sinclair/typebox';
import type { Manifest } from '#core/model-package';
import {
  type SourceAttribute,
  sourceAttributeDefinitions,
  sourceAttributeVocabulary,
} from '#core/source-attributes';
import { readF32, readF64, readU8 } from './bytes.ts';
import type { Evaluation, FindingCalibration, Golden } from './package-types.ts';
import { check, count, mustHold, parseJson, positiveCount, share, strict, text } from './schema.ts';

const measured = Type.Object({
  value: share,
  interval: Type.Tuple([share, share]),
  n: positiveCount,
  patients: Type.Optional(positiveCount),
});

const calibrationSchema = Type.Object(
  {
    schema: Type.Literal(1),
    findings: Type.Record(
      Type.String(),
      Type.Object({
        method: Type.Literal('venn-abers'),
        n: positiveCount,
        patients: positiveCount,
        positives: positiveCount,
        prevalence: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
        logitsF64: Type.String(),
        labelsU8: Type.String(),
        operatingPoints: Type.Array(
          Type.Object({ name: text, threshold: share, sensitivity: measured, specificity: measured }),
          { minItems: 2, maxItems: 16 },
        ),
        conformal: Type.Object({
          alpha: Type.Number({ exclusiveMinimum: 0, maximum: 0.5 }),
          presentF64: Type.String(),
          absentF64: Type.String(),
        }),
      }),
    ),
  },
  strict,
);

/**
 * `calibration.json`: exactly the manifest's findings, scores sorted and as many as `n`, both classes present.
 * @throws MODEL_PACKAGE_INVALID
 */
export function parseCalibration(
  bytes: Uint8Array,
  manifest: Manifest,
): Readonly<Record<string, FindingCalibration>> {
  const file = manifest.files.calibration.file;
  const { findings } = check(calibrationSchema, parseJson(bytes, file), file);
  const names = manifest.findings.map((f) => f.name);
  mustHold(Object.keys(findings).length === names.length, file, '/findings: must be those of the manifest');
  return Object.fromEntries(
    names.map((name) => {
      const found = findings[name];
      mustHold(found !== undefined, file, `/findings: ${name} is missing`);
      const must = (holds: boolean, rule: string): void => mustHold(holds, file, `/findings/${name}${rule}`);
      const ascending = (field: string, base64: string): Float64Array => {
        const values = readF64(base64);
        mustHold(
          values !== null && isAscending(values),
          file,
          `/findings/${name}/${field}: must be ascending`,
        );
        return values;
      };
      const logits = ascending('logitsF64', found.logitsF64);
      const present = ascending('conformal/presentF64', found.conformal.presentF64);
      const absent = ascending('conformal/absentF64', found.conformal.absentF64);
      const labels = readU8(found.labelsU8);
      mustHold(labels !== null, file, `/findings/${name}/labelsU8: must be base64`);
      must(
        labels.every((label) => label <= 1),
        '/labelsU8: must be 0 or 1',
      );
      const positives = labels.reduce((sum, label) => sum + label, 0);
      must(
        logits.length === found.n && labels.length === found.n,
        '/n: is not the number of scores and labels',
      );
      must(positives === found.positives, '/positives: is not the number of labels 1');
      must(positives < found.n, ': needs positives and negatives');
      must(Math.abs(positives / found.n - found.prevalence) <= 0.005, '/prevalence: is not positives / n');
      must(found.patients <= found.n, '/patients: are more than images');
      // Fewer scores than 1/alpha − 1 can never exclude a label (imaging-ai.md §5).
      const least = Math.ceil(1 / found.conformal.alpha) - 1;
      must(present.length >= least && absent.length >= least, `/conformal: needs ${least} scores a class`);

      const points = found.operatingPoints;
      must(
        points.every((p, i) => i === 0 || (points[i - 1]?.threshold ?? 0) <= p.threshold),
        '/operatingPoints: must ascend',
      );
      for (const { sensitivity, specificity } of points) {
        for (const { value, interval } of [sensitivity, specificity]) {
          must(
            interval[0] <= value && value <= interval[1],
            '/operatingPoints: a value is outside its interval',
          );
        }
      }
      const ruleOut = points.filter((p) => p.name === 'rule-out');
      const ruleIn = points.filter((p) => p.name === 'rule-in');
      const [out] = ruleOut;
      const [inn] = ruleIn;
      mustHold(
        ruleOut.length === 1 && ruleIn.length === 1 && out !== undefined && inn !== undefined,
        file,
        `/findings/${name}/operatingPoints: needs rule-out and rule-in once each`,
      );
      must(out.threshold <= inn.threshold, '/operatingPoints: rule-out must not be above rule-in');
      const calibration: FindingCalibration = {
        n: found.n,
        patients: found.patients,
        positives,
        prevalence: found.prevalence,
        logits,
        labels,
        operatingPoints: points,
        ruleOut: out.threshold,
        ruleIn: inn.threshold,
        conformal: { alpha: found.conformal.alpha, present, absent },
      };
      return [name, calibration];
    }),
  );
}

const goldenSchema = Type.Object(
  {
    schema: Type.Literal(1),
    tolerance: Type.Object(
      {
        logits: Type.Number({ exclusiveMinimum: 0, maximum: 0.1 }),
        cam: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
        features: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
      },
      strict,
    ),
    cases: Type.Array(
      Type.Object({
        name: text,
        rows: positiveCount,
        columns: positiveCount,
        pixelsU8: Type.String(),
        tensor: Type.Object({
          mean: Type.Number(),
          first: Type.Array(Type.Number(), { minItems: 16, maxItems: 16 }),
        }),
        logits: Type.Array(Type.Number()),
        camF32: Type.String(),
        featuresF32: Type.String(),
      }),
      { minItems: 1, maxItems: 64 },
    ),
  },
  strict,
);

/**
 * `golden.json`: at least one case, every array of the size that the manifest's outputs have.
 * @throws MODEL_PACKAGE_INVALID
 */
export function parseGolden(bytes: Uint8Array, manifest: Manifest): Golden {
  const file = manifest.files.golden.file;
  const golden = check(goldenSchema, parseJson(bytes, file), file);
  const { logits, features, cam } = manifest.outputs;
  return {
    tolerance: golden.tolerance,
    cases: golden.cases.map((item, index) => {
      const at = `/cases/${index}`;
      const pixels = readU8(item.pixelsU8);
      const camValues = readF32(item.camF32);
      const featureValues = readF32(item.featuresF32);
      mustHold(
        pixels?.length === item.rows * item.columns,
        file,
        `${at}/pixelsU8: must be rows × columns bytes`,
      );
      mustHold(item.logits.length === size(logits.shape), file, `${at}/logits: not the manifest’s shape`);
      mustHold(camValues?.length === size(cam.shape), file, `${at}/camF32: not the manifest’s shape`);
      mustHold(
        featureValues?.length === size(features.shape),
        file,
        `${at}/featuresF32: not the manifest’s shape`,
      );
      return {
        name: item.name,
        rows: item.rows,
        columns: item.columns,
        pixels,
        tensor: item.tensor,
        logits: item.logits,
        cam: camValues,
        features: featureValues,
      };
    }),
  };
}

const sourceAttributesSchema = Type.Object(
  {
    schema: Type.Literal(1),
    vocabulary: Type.Literal(sourceAttributeVocabulary),
    attributes: Type.Record(
      Type.String(),
      Type.Object(
        {
          status: Type.Union([Type.Literal('provided'), Type.Literal('not-available')]),
          text: Type.String({ minLength: 1, maxLength: 20_000 }),
          evidence: Type.Array(text, { maxItems: 32 }),
        },
        strict,
      ),
    ),
  },
  strict,
);

/**
 * `source-attributes.json`: exactly the 31 keys, `not-available` only where the rule permits it, and every piece
 * of evidence is a file of the package, with a JSON pointer (RFC 6901) that leads somewhere.
 * @param contents the other files of the package by name
 * @throws MODEL_PACKAGE_INVALID
 * @see 45 CFR 170.315(b)(11)(iv)(B), (v)(A)(2)
 */
export function parseSourceAttributes(
  bytes: Uint8Array,
  manifest: Manifest,
  contents: ReadonlyMap<string, Uint8Array>,
): Readonly<Record<string, SourceAttribute>> {
  const file = manifest.files.sourceAttributes.file;
  const { attributes } = check(sourceAttributesSchema, parseJson(bytes, file), file);
  const documents = new Map<string, unknown>();
  for (const { key, name, mayBeNotAvailable } of sourceAttributeDefinitions) {
    const attribute = attributes[key];
    mustHold(attribute !== undefined, file, `/attributes: ${key} is missing`);
    mustHold(
      attribute.status === 'provided' || mayBeNotAvailable,
      file,
      `/attributes/${key}: must be provided (${name})`,
    );
    for (const evidence of attribute.evidence) {
      const [target = '', pointer = ''] = evidence.split('#');
      const content = contents.get(target);
      mustHold(
        content !== undefined,
        file,
        `/attributes/${key}/evidence: ${target} is not a file of the package`,
      );
      if (pointer === '' || !target.endsWith('.json')) continue;
      const document = documents.get(target) ?? parseJson(content, target);
      documents.set(target, document);
      mustHold(resolves(document, pointer), file, `/attributes/${key}/evidence: nothing at ${evidence}`);
    }
  }
  const known = new Set(sourceAttributeDefinitions.map((d) => d.key));
  const unknown = Object.keys(attributes).find((key) => !known.has(key));
  mustHold(unknown === undefined, file, `/attributes: ${unknown} is not one of the 31 attributes`);
  return attributes;
}

const figure = Type.Object({
  value: Type.Number(),
  interval: Type.Tuple([Type.Number(), Type.Number()]),
  n: Type.Optional(count),
});

const evaluationSchema = Type.Object({
  schema: Type.Literal(1),
  sets: Type.Array(
    Type.Object({
      name: text,
      description: text,
      n: positiveCount,
      positives: count,
      patients: Type.Optional(positiveCount),
      findings: Type.Record(Type.String(), Type.Record(Type.String(), figure)),
      abstained: Type.Array(Type.Object({ code: text, n: count })),
      reliability: Type.Optional(
        Type.Record(
          Type.String(),
          Type.Array(
            Type.Object({
              predicted: share,
              observed: share,
              interval: Type.Tuple([share, share]),
              n: positiveCount,
            }),
            { minItems: 1, maxItems: 50 },
          ),
        ),
      ),
    }),
    { minItems: 1 },
  ),
});

/**
 * `evaluation.json`: at least one set, and no figure without its interval.
 * @throws MODEL_PACKAGE_INVALID
 */
export function parseEvaluation(bytes: Uint8Array, manifest: Manifest): Evaluation {
  const file = manifest.files.evaluation.file;
  const evaluation = check(evaluationSchema, parseJson(bytes, file), file);
  for (const [index, set] of evaluation.sets.entries()) {
    for (const { name } of manifest.findings) {
      mustHold(set.findings[name] !== undefined, file, `/sets/${index}/findings: ${name} is missing`);
    }
    for (const [name, figures] of Object.entries(set.findings)) {
      for (const [key, { interval }] of Object.entries(figures)) {
        mustHold(
          interval[0] <= interval[1],
          file,
          `/sets/${index}/findings/${name}/${key}: the interval is upside down`,
        );
      }
    }
  }
  return evaluation as Evaluation;
}

function isAscending(values: Float64Array): boolean {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value) || (i > 0 && values[i - 1]! > value)) return false;
  }
  return true;
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** A JSON pointer, RFC 6901, with or without the leading slash of its URI fragment form. */
function resolves(document: unknown, pointer: string): boolean {
  let here: unknown = document;
  for (const part of pointer.split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, key)) return false;
    here = (here as Record<string, unknown>)[key];
  }
  return true;
}
