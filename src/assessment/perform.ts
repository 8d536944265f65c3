import { setMaxListeners } from 'node:events';
import type { AssessedStudy, Assessment, GateResult } from '#core/assessment';
import { asServiceError, type ErrorCode, errorTable, ServiceError } from '#core/error';
import type { ChartPatient, StudyReference } from '#core/imaging';
import type { Log } from '#core/log';
import type { Manifest } from '#core/model-package';
import type { Tenant } from '#core/tenant';
import type { ClaimedJob } from '#store/queue';
import type { Credentials } from './credentials.ts';
import { type JobPayload, needsToken, payloadOf } from './job-payload.ts';
import type { Pool } from './pool.ts';

/** One file of a study as it came over DICOMweb. */
export interface FetchedInstance {
  readonly bytes: Uint8Array;
}

export interface RunnerParts {
  readonly pool: Pool;
  readonly credentials: Credentials;
  readonly tenants: readonly Tenant[];
  /** Manifests of the models that run here, by `name@version`. */
  readonly manifests: () => ReadonlyMap<string, Manifest>;
  /** The study's instances that a model could read, one at a time, in order. @throws ServiceError */
  readonly fetchInstances: (
    request: {
      readonly tenant: Tenant;
      readonly manifest: Manifest;
      readonly payload: JobPayload;
      readonly token: string | null;
    },
    signal: AbortSignal,
  ) => AsyncIterable<FetchedInstance>;
  readonly fetchTimeoutMs: number;
  readonly log: Log;
  /** Told of each end, for metrics. */
  readonly onEnd: (end: {
    readonly model: string;
    readonly outcome: string;
    readonly seconds: number;
  }) => void;
}

/** Failures of another server or of this machine: worth another try. Everything else would fail again. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DICOMWEB_BUSY',
  'DICOMWEB_TIMEOUT',
  'DICOMWEB_TRUNCATED',
  'DICOMWEB_UNAVAILABLE',
  'FHIR_UNAVAILABLE',
  'OUTBOUND_TIMEOUT',
  'OUTBOUND_UNREACHABLE',
  // Processes of one database may be configured one after the other.
  'CONFIG_INVALID',
  'WORKER_DIED',
  'WORKER_TIMEOUT',
  'STORE_UNAVAILABLE',
  'STORE_FULL',
  'INTERNAL',
]);

/** Whether another try would fail again. */
export function isFinal({ code }: ServiceError): boolean {
  return !passing.has(code) && code !== 'NEEDS_CREDENTIAL';
}

/**
 * What a worker does with one job: fetches, assesses, and gives the result to store. Files that cannot be read are no
 * result but the end of the job ({@link isFinal}), so that a study whose files were transferred again is read anew.
 *
 * @returns a function that throws ServiceError for a failed try
 */
export function createPerformer(
  parts: RunnerParts,
): (job: ClaimedJob, signal: AbortSignal) => Promise<AssessedStudy> {
  return async (job, signal) => {
    const started = performance.now();
    const model = `${job.model.name}@${job.model.version}`;
    const end = (outcome: string): void => {
      const seconds = (performance.now() - started) / 1000;
      parts.onEnd({ model, outcome, seconds });
      const { id, tenant, attempt } = job;
      const milliseconds = Math.round(seconds * 1000);
      parts.log.info({ event: 'job-ended', job: id, tenant, model, state: outcome, attempt, milliseconds });
    };
    try {
      const assessed = await assess(parts, job, signal);
      parts.credentials.drop(job.id);
      end(assessed.assessment.status);
      return assessed;
    } catch (error) {
      const failure = asServiceError(error);
      end(signal.aborted ? 'given-back' : failure.code);
      if (isFinal(failure)) parts.credentials.drop(job.id);
      throw failure;
    }
  };
}

async function assess(parts: RunnerParts, job: ClaimedJob, signal: AbortSignal): Promise<AssessedStudy> {
  const name = `${job.model.name}@${job.model.version}`;
  const manifest = parts.manifests().get(name);
  const tenant = parts.tenants.find((one) => one.id === job.tenant);
  if (manifest === undefined) throw new ServiceError('MODEL_NOT_FOUND');
  if (tenant === undefined)
    throw new ServiceError('CONFIG_INVALID', { detail: 'The tenant of the job is not configured any more.' });
  const payload = payloadOf(job);
  const token = parts.credentials.tokenFor(job.id);
  const usesToken = needsToken(payload, tenant);
  if (token === null && usesToken && job.credential === 'hook') throw new ServiceError('NEEDS_CREDENTIAL');

  const clock = startClock(parts.fetchTimeoutMs);
  const fetching = AbortSignal.any([signal, clock.signal]);
  // Each of the Endpoints that are read side by side listens.
  setMaxListeners(0, fetching);
  let best: AssessedStudy | null = null;
  let firstFailure: ServiceError | null = null;
  const instances = parts.fetchInstances({ tenant, manifest, payload, token }, fetching);
  try {
    for await (const { bytes } of instances) {
      const fetchMs = clock.pause();
      try {
        const assessed = withFetch(
          await assessOne(parts, name, bytes, payload.study, payload.patient, signal),
          fetchMs,
        );
        if (assessed.assessment.status === 'final') return assessed;
        best = best === null || passedGates(assessed) > passedGates(best) ? assessed : best;
      } catch (error) {
        const failure = asServiceError(error);
        // One broken file does not hide the others of the study; anything else is the job's failure.
        if (!failure.code.startsWith('DICOM_')) throw failure;
        firstFailure ??= failure;
      }
      clock.resume();
    }
  } catch (error) {
    if (clock.signal.aborted && !signal.aborted) throw new ServiceError('DICOMWEB_TIMEOUT', { cause: error });
    const refused =
      error instanceof ServiceError &&
      (error.code === 'DICOMWEB_UNAUTHORIZED' || error.code === 'FHIR_UNAUTHORIZED');
    // The token expired while the study was fetched, or the call brought none: that is no fault of the study.
    if (refused && usesToken && parts.credentials.tokenFor(job.id) === null)
      throw new ServiceError('NEEDS_CREDENTIAL', { cause: error });
    throw error;
  } finally {
    clock.pause();
  }
  if (best !== null) return best;
  if (firstFailure !== null) throw firstFailure;
  return abstainedStudy('GATE_MODALITY');
}

/** A clock of `milliseconds` that runs only while the imaging server is waited for; `pause` gives what has passed. */
function startClock(milliseconds: number) {
  const ended = new AbortController();
  let passed = 0;
  let from = 0;
  let timer: NodeJS.Timeout | undefined;
  const resume = (): void => {
    from = performance.now();
    timer = setTimeout(() => ended.abort(), milliseconds - passed);
  };
  resume();
  return {
    signal: ended.signal,
    resume,
    pause(): number {
      if (timer !== undefined) passed += performance.now() - from;
      clearTimeout(timer);
      timer = undefined;
      return passed;
    },
  };
}

function assessOne(
  parts: RunnerParts,
  model: string,
  bytes: Uint8Array,
  study: StudyReference,
  patient: ChartPatient,
  signal: AbortSignal,
): Promise<AssessedStudy> {
  return parts.pool.assess({
    model,
    bytes,
    patient,
    studyInstanceUid: study.studyInstanceUid,
    labelled: null,
    signal,
  });
}

/** How far an image came through the gates: the reason of the one that came furthest is told. */
function passedGates({ assessment }: AssessedStudy): number {
  const refused = assessment.gates.findIndex((gate: GateResult) => gate.passed === false);
  return refused < 0 ? assessment.gates.length : refused;
}

function withFetch(assessed: AssessedStudy, fetch: number): AssessedStudy {
  const { timing } = assessed.assessment;
  return {
    ...assessed,
    assessment: { ...assessed.assessment, timing: { ...timing, fetch, total: timing.total + fetch } },
  };
}

const nothing: Omit<Assessment, 'status' | 'reason'> = {
  model: null,
  image: null,
  findings: [],
  gates: [],
  timing: { total: 0 },
};

/** The result of files that cannot be read, where nobody can ask for them again. */
export function failedStudy(failure: ServiceError): AssessedStudy {
  return {
    assessment: { ...nothing, status: 'failed', reason: { code: failure.code, text: failure.message } },
    private: null,
  };
}

function abstainedStudy(code: ErrorCode): AssessedStudy {
  return {
    assessment: { ...nothing, status: 'abstained', reason: { code, text: errorTable[code].text } },
    private: null,
  };
}
