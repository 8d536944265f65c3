import type {
  Assessment,
  AssessmentTiming,
  FindingResult,
  GateResult,
  ModelIdentity,
  Reason,
} from '#core/assessment';
import { asServiceError } from '#core/error';
import { inParallel, readBytes } from './local-files.ts';
import { failedStudy } from './perform.ts';
import type { Pool } from './pool.ts';

/** One entry of `fovea assess --json`. @see docs/schemas/assess.json */
export interface AssessEntry {
  readonly path: string;
  /** Study date as `YYYY-MM-DD`; null when not known. */
  readonly study: string | null;
  readonly status: Assessment['status'];
  readonly reason: Reason | null;
  readonly model: ModelIdentity | null;
  readonly findings: readonly Omit<FindingResult, 'atypical' | 'zones'>[];
  readonly gates: readonly GateResult[];
  readonly timing: AssessmentTiming;
}

/**
 * Assesses DICOM files with one model or, of several, with the one whose gates a file comes through furthest. A file
 * that cannot be assessed is an entry with a coded reason; the others go on.
 *
 * @param models `name@version`
 */
export async function assessFiles(
  pool: Pool,
  models: readonly string[],
  files: readonly string[],
  onDone: (done: number) => void,
): Promise<AssessEntry[]> {
  let done = 0;
  return inParallel(files, pool.size + 1, async (file) => {
    const assessment = await bestOf(pool, models, file);
    done += 1;
    onDone(done);
    return entryOf(file, assessment);
  });
}

async function bestOf(pool: Pool, models: readonly string[], file: string): Promise<Assessment> {
  let best: Assessment | null = null;
  for (const model of models) {
    const assessment = await assessOne(pool, model, file);
    if (best === null || rank(assessment) > rank(best)) best = assessment;
    if (best.status === 'final') break;
  }
  return best ?? failedStudy(asServiceError(null, 'NO_MODEL')).assessment;
}

async function assessOne(pool: Pool, model: string, file: string): Promise<Assessment> {
  try {
    const bytes = await readBytes(file);
    const { assessment } = await pool.assess({
      model,
      bytes,
      patient: null,
      studyInstanceUid: null,
      labelled: null,
    });
    return assessment;
  } catch (error) {
    return failedStudy(asServiceError(error)).assessment;
  }
}

function rank({ status, gates }: Assessment): number {
  if (status === 'final') return Number.POSITIVE_INFINITY;
  const refused = gates.findIndex((gate) => gate.passed === false);
  return status === 'failed' ? -1 : refused < 0 ? gates.length : refused;
}

function entryOf(
  path: string,
  { status, reason, model, findings, gates, timing, image }: Assessment,
): AssessEntry {
  return {
    path,
    study: image?.studyDate ?? null,
    status,
    reason,
    model,
    findings: findings.map(({ name, code, probability, interval, band, set }) => ({
      name,
      code,
      probability,
      interval,
      band,
      set,
    })),
    gates,
    timing,
  };
}
