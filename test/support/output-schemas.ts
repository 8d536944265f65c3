import { type TSchema, Type } from '@sinclair/typebox';

/** The JSON that others' programs read. docs/schemas/*.json is generated from here and every output is held against it. Fields may be added, none renamed. */
const Nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
const text = Type.String();
const count = Type.Integer({ minimum: 0 });
const share = Type.Number({ minimum: 0, maximum: 1 });
const Interval = (of: TSchema) => Type.Tuple([of, of]);
const Reason = Type.Object({ code: Type.String({ pattern: '^[A-Z][A-Z0-9_]+$' }), text });
const Coding = Type.Object({ system: text, code: text, display: text });
const of = (id: string, title: string, items: TSchema) =>
  Type.Array(items, { $id: `https://fovea.health/schemas/${id}.json`, title });

export const assessSchema = of(
  'assess',
  'fovea assess --json',
  Type.Object({
    path: text,
    study: Nullable(Type.String({ description: 'Study date, YYYY-MM-DD.' })),
    status: Type.Union([Type.Literal('final'), Type.Literal('abstained'), Type.Literal('failed')]),
    reason: Nullable(Reason),
    model: Nullable(Type.Object({ name: text, version: text, variant: text, provider: text })),
    findings: Type.Array(
      Type.Object({
        name: text,
        code: Coding,
        probability: share,
        interval: Interval(share),
        band: Type.Union([Type.Literal('low'), Type.Literal('indeterminate'), Type.Literal('elevated')]),
        set: Type.Array(Type.Union([Type.Literal('present'), Type.Literal('absent')])),
        prevalence: Type.Number({
          exclusiveMinimum: 0,
          exclusiveMaximum: 1,
          description: 'Share of the finding that probability and interval hold for.',
        }),
      }),
    ),
    gates: Type.Array(Type.Object({ gate: text, passed: Nullable(Type.Boolean()), detail: text })),
    timing: Type.Object({ total: Type.Number({ minimum: 0 }) }, { description: 'Milliseconds.' }),
  }),
);

export const inspectSchema = of(
  'inspect',
  'fovea inspect --json',
  Type.Object({
    path: text,
    status: Type.Union([Type.Literal('decoded'), Type.Literal('no-pixels'), Type.Literal('refused')]),
    reason: Nullable(Reason),
    transferSyntax: Nullable(text),
    photometric: Nullable(text),
    rows: Nullable(count),
    columns: Nullable(count),
    frames: Nullable(count),
    samples: Nullable(count),
    bitsStored: Nullable(count),
    dtype: Nullable(Type.String({ pattern: '^(u?int(8|16|32)|float(32|64))$' })),
    min: Nullable(Type.Number()),
    max: Nullable(Type.Number()),
    mean: Nullable(Type.Number()),
    sha256: Nullable(Type.String({ pattern: '^[0-9a-f]{64}$' })),
    notes: Type.Array(text),
    models: Type.Array(Type.Object({ model: text, taken: Type.Boolean(), gate: Nullable(text) })),
  }),
);

const Figure = Nullable(Type.Object({ value: Type.Number(), interval: Interval(Type.Number()), n: count }));
const figures = {
  n: count,
  positives: count,
  auroc: Figure,
  auprc: Figure,
  accuracy: Figure,
  sensitivity: Figure,
  specificity: Figure,
  ece: Figure,
  eceDebiased: Figure,
  brier: Figure,
  slope: Figure,
  intercept: Figure,
  noRecalibration: Nullable(
    Type.String({ description: 'Why slope and intercept are null; null where there is a fit.' }),
  ),
};

export const evaluateSchema = Type.Object(
  {
    model: Type.Object({ name: text, version: text, digest: text }),
    n: count,
    abstained: Type.Array(Type.Object({ code: text, n: count })),
    findings: Type.Array(Type.Object({ name: text, code: Coding, unlabelled: count, ...figures })),
    subgroups: Type.Array(
      Type.Union([
        Type.Object({ finding: text, by: text, value: text, withheld: Type.Literal(false), ...figures }),
        Type.Object({ finding: text, by: text, value: text, withheld: Type.Literal(true), n: Type.Null() }),
      ]),
    ),
    notes: Type.Array(text, { description: 'What the figures cannot know; also on standard error.' }),
  },
  { $id: 'https://fovea.health/schemas/evaluate.json', title: 'fovea evaluate --json' },
);
