import path from 'node:path';
import type { AssessedStudy, FindingResult } from '#core/assessment';
import { asServiceError } from '#core/error';
import { outOfDistributionIndex } from '#inference/out-of-distribution';
import type { ModelPackage } from '#inference/package-types';
import { findingScore } from '#inference/scores';
import { type EvaluationRow, evaluateFinding, type FindingEvaluation } from '#statistics/evaluation';
import { evaluateSubgroups, type Subgroup } from '#statistics/subgroups';
import { inParallel, readBytes } from './local-files.ts';
import { type LabelledRow, labelOf } from './manifest-csv.ts';
import type { Pool } from './pool.ts';

/** One labelled image with what the model made of it. */
export interface LabelledResult {
  readonly row: LabelledRow;
  readonly assessed: AssessedStudy | null;
  /** Code of the failure or of the gate that refused; null when the model spoke. */
  readonly code: string | null;
}

/** `fovea evaluate --json`. @see docs/schemas/evaluate.json */
export interface Evaluation {
  readonly model: { readonly name: string; readonly version: string; readonly digest: string };
  readonly n: number;
  readonly abstained: readonly { readonly code: string; readonly n: number }[];
  readonly findings: readonly ({
    readonly name: string;
    readonly code: FindingResult['code'];
  } & FindingEvaluation)[];
  readonly subgroups: readonly ({ readonly finding: string } & Subgroup)[];
}

export interface EvaluateOptions {
  readonly replicates: number;
  readonly seed: number;
}

/** Runs the model on every row. A file that fails is a result with its code. */
export async function assessManifest(
  pool: Pool,
  model: string,
  rows: readonly LabelledRow[],
  folder: string,
  onDone: (done: number) => void,
): Promise<LabelledResult[]> {
  let done = 0;
  return inParallel(rows, pool.size + 1, async (row): Promise<LabelledResult> => {
    try {
      const bytes = await readBytes(path.join(folder, row.file));
      const assessed = await pool.assess({
        model,
        bytes,
        patient: null,
        studyInstanceUid: null,
        labelled: { age: row.age, view: row.view },
      });
      return { row, assessed, code: assessed.assessment.reason?.code ?? null };
    } catch (error) {
      return { row, assessed: null, code: asServiceError(error).code };
    } finally {
      done += 1;
      onDone(done);
    }
  });
}

interface Row extends EvaluationRow {
  readonly labelled: LabelledRow;
}

/** The figures over all results: discrimination, calibration, thresholds, subgroups, each with its interval. */
export function evaluateResults(
  pkg: ModelPackage,
  results: readonly LabelledResult[],
  options: EvaluateOptions,
): Evaluation {
  const names = pkg.manifest.findings.map((finding) => finding.name);
  const { exclusive } = pkg.manifest;
  const perFinding = pkg.manifest.findings.map((finding) => {
    const calibration = pkg.calibration[finding.name];
    const rows = results.map((result) =>
      toRow(result, { name: finding.name, output: finding.output, exclusive }, names),
    );
    const shared = {
      replicates: options.replicates,
      seed: options.seed,
      operatingPoints: (calibration?.operatingPoints ?? []).map(({ name, threshold }) => ({
        name,
        threshold,
      })),
    };
    return { finding, rows, shared };
  });
  return {
    model: { name: pkg.manifest.name, version: pkg.manifest.version, digest: pkg.digest },
    n: results.length,
    abstained: countCodes(results),
    findings: perFinding.map(({ finding, rows, shared }) => ({
      name: finding.name,
      code: finding.code,
      ...evaluateFinding(rows, shared),
    })),
    subgroups: perFinding.flatMap(({ finding, rows, shared }) =>
      evaluateSubgroups(rows, groupings(rows), shared).map((subgroup) => ({
        finding: finding.name,
        ...subgroup,
      })),
    ),
  };
}

interface ScoredFinding {
  readonly name: string;
  readonly output: number;
  readonly exclusive: boolean;
}

/** The score that ranks is the one that the calibration is about. */
function toRow(
  result: LabelledResult,
  { name, output, exclusive }: ScoredFinding,
  names: readonly string[],
): Row {
  const found = findingsOf(result).find((one) => one.name === name);
  const logits = result.assessed?.private?.logits;
  const score = logits === undefined ? undefined : findingScore(logits, output, exclusive);
  const label = labelOf(result.row.labels, name, names);
  return {
    labelled: result.row,
    probability: found?.probability ?? null,
    ...(score !== undefined && { score }),
    label: label === null ? null : label ? 1 : 0,
    patient: result.row.patientId,
    abstained: result.code,
  };
}

function findingsOf({ assessed }: LabelledResult): readonly FindingResult[] {
  if (assessed === null) return [];
  return assessed.assessment.findings.length > 0
    ? assessed.assessment.findings
    : (assessed.private?.withheld ?? []);
}

function countCodes(results: readonly LabelledResult[]): { code: string; n: number }[] {
  const counts = new Map<string, number>();
  for (const { code } of results) if (code !== null) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].map(([code, n]) => ({ code, n })).sort((a, b) => b.n - a.n);
}

/** Sex, age band, view and label group, where the manifest knows them for anybody. */
function groupings(rows: readonly Row[]) {
  const all = [
    { by: 'sex', valueIn: (row: Row) => row.labelled.sex },
    { by: 'age', valueIn: (row: Row) => ageBand(row.labelled.age) },
    { by: 'view', valueIn: (row: Row) => row.labelled.view },
  ];
  return all.filter(({ valueIn }) => rows.some((row) => valueIn(row) !== null));
}

function ageBand(age: number | null): string | null {
  if (age === null) return null;
  const bands = [1, 6, 18, 40, 65, 80];
  const to = bands.find((end) => age < end);
  const from = bands.filter((end) => age >= end).at(-1) ?? 0;
  return to === undefined ? `${from} and over` : `${from} to under ${to}`;
}

/** The lines of `--predictions`: one an image and finding. `ood` above 1: the out-of-distribution gate refused. */
export function predictionLines(pkg: ModelPackage, results: readonly LabelledResult[]): string[] {
  const lines = ['file,finding,status,reason,probability,low,high,ood'];
  for (const result of results) {
    const scores = result.assessed?.private?.outOfDistribution ?? [];
    const ood =
      scores.length === 0
        ? ''
        : outOfDistributionIndex(scores as Parameters<typeof outOfDistributionIndex>[0]).toFixed(4);
    for (const { name } of pkg.manifest.findings) {
      const found = findingsOf(result).find((one) => one.name === name);
      const numbers =
        found === undefined
          ? ['', '', '']
          : [found.probability, ...found.interval].map((value) => value.toFixed(6));
      const status = result.assessed?.assessment.status ?? 'failed';
      lines.push([quoted(result.row.file), name, status, result.code ?? '', ...numbers, ood].join(','));
    }
  }
  return lines;
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
