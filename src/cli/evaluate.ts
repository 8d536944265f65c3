import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { idOf, packageOf } from '#assessment/catalogue';
import { assessManifest, type Evaluation, evaluateResults, predictionLines } from '#assessment/evaluate';
import { type LabelledRow, readManifest } from '#assessment/manifest-csv';
import { ServiceError } from '#core/error';
import type { Figure } from '#statistics/evaluation';
import { createProgress, exitCodes, print, say, table } from './terminal.ts';
import { openWorkbench } from './workbench.ts';

export interface EvaluateOptions {
  readonly model: string;
  readonly manifest: string;
  readonly images?: string;
  readonly split?: string;
  readonly predictions?: string;
  readonly resamples: string;
  readonly seed: string;
  readonly json?: boolean;
}

/** `fovea evaluate --model M --manifest CSV [--images DIR] [--split NAME] [--predictions FILE] [--json]` */
export async function evaluate(options: EvaluateOptions): Promise<number> {
  const replicates = wholeNumber('--resamples', options.resamples);
  const seed = wholeNumber('--seed', options.seed);
  const csv = await readFile(options.manifest, 'utf8').catch((cause) => {
    throw new ServiceError('FILE_UNREADABLE', { detail: options.manifest, cause });
  });
  const rows = readManifest(csv).filter((row) => options.split === undefined || row.split === options.split);
  if (rows.length === 0)
    throw new ServiceError('MANIFEST_INVALID', { detail: 'It has no rows to evaluate.' });
  const bench = await openWorkbench();
  try {
    const pkg = packageOf(bench.catalogue, options.model);
    const folder = options.images ?? path.dirname(options.manifest);
    const results = await assessManifest(
      bench.pool(),
      idOf(pkg),
      rows,
      folder,
      createProgress(rows.length, 'assessed'),
    );
    if (options.predictions !== undefined) {
      await writeFile(options.predictions, `${predictionLines(pkg, results).join('\n')}\n`);
    }
    say(`computing intervals (${replicates} resamples by patient)`);
    const evaluation = evaluateResults(pkg, results, { replicates, seed });
    const notes = notesOn(rows);
    for (const note of notes) say(`warning: ${note}`);
    print(options.json === true ? JSON.stringify({ ...evaluation, notes }, null, 2) : inWords(evaluation));
    return exitCodes.fine;
  } finally {
    await bench.close();
  }
}

/** What the figures cannot know. A row without `patient_id` has its file's name in that place. */
function notesOn(rows: readonly LabelledRow[]): readonly string[] {
  const unnamed = rows.filter(({ patientId, file }) => patientId === file).length;
  return unnamed === 0
    ? []
    : [
        `${unnamed} of ${rows.length} rows have no patient_id: each of these images counts as a patient of its own, and where several are of one patient the intervals are too narrow.`,
      ];
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new ServiceError('USAGE', { detail: `${option} takes a whole number from 1.` });
  return value;
}

const shown = [
  'auroc',
  'auprc',
  'accuracy',
  'sensitivity',
  'specificity',
  'ece',
  'eceDebiased',
  'brier',
  'slope',
  'intercept',
] as const;

const recalibrated: ReadonlySet<string> = new Set(['slope', 'intercept'] satisfies (typeof shown)[number][]);

function inWords(evaluation: Evaluation): string {
  const figure = (one: Figure | null, reason: string | null = null) =>
    one === null
      ? `not computable${reason === null ? '' : `: ${reason}`}`
      : `${one.value.toFixed(4)} [${one.interval[0].toFixed(4)}, ${one.interval[1].toFixed(4)}] n ${one.n}`;
  const { model, n, abstained, findings, subgroups } = evaluation;
  const refusals =
    abstained.length === 0 ? 'none' : abstained.map((one) => `${one.code} ${one.n}`).join(', ');
  return [
    `${model.name} ${model.version}, ${n} images; not spoken on: ${refusals}`,
    ...findings.flatMap((finding) => [
      '',
      `${finding.name}: spoken on ${finding.n} labelled images, ${finding.positives} positive, ${finding.unlabelled} unlabelled`,
      table(
        ['figure', 'spoken on', 'before the pixel gates'],
        shown.map((name) => [
          name,
          ...[finding, finding.withoutPixelGates].map((figures) =>
            figure(figures[name], recalibrated.has(name) ? figures.noRecalibration : null),
          ),
        ]),
      ),
      ...finding.operatingPoints.map(
        (point) =>
          `${point.name} (p >= ${point.threshold.toFixed(3)}): sensitivity ${figure(point.sensitivity)}, specificity ${figure(point.specificity)}`,
      ),
    ]),
    ...(subgroups.length === 0
      ? []
      : [
          '',
          table(
            ['finding', 'by', 'value', 'n', 'AUROC'],
            subgroups.map((group) => [
              group.finding,
              group.by,
              group.value,
              group.withheld ? 'withheld (small)' : String(group.n),
              group.withheld ? '' : figure(group.auroc),
            ]),
          ),
        ]),
  ].join('\n');
}
