import type { AssessedStudy, Assessment, GateResult } from '#core/assessment';
import { asServiceError, type ErrorCode, errorTable, ServiceError } from '#core/error';
import type { ChartPatient, StudyReference } from '#core/imaging';
import type { Log } from '#core/log';
import type { Manifest } from '#core/model-package';
import type { Tenant } from '#core/tenant';
import type { ClaimedJob, Queue } from '#store/queue';
import type { Credentials } from './credentials.ts';
import { type JobPayload, needsToken, payloadOf } from './job-payload.ts';
import type { Pool } from './pool.ts';

/** One file of a study as it came over DICOMweb. */
export interface FetchedInstance {
  readonly bytes: Uint8Array;
}

export interface RunnerParts {
  readonly queue: Queue;
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

/** Works on jobs until it is stopped. */
export interface Runner {
  start(): void;
  /** Takes no more jobs, waits for those under way up to `graceMs`, gives the others back. */
  stop(graceMs: number): Promise<void>;
}

/** Failures of another server or of this machine: worth another try. Everything else would fail again. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'DICOMWEB_BUSY',
  'DICOMWEB_TIMEOUT',
  'DICOMWEB_TRUNCATED',
  'DICOMWEB_UNAVAILABLE',
  'OUTBOUND_TIMEOUT',
  'OUTBOUND_UNREACHABLE',
  'WORKER_DIED',
  'WORKER_TIMEOUT',
  'STORE_UNAVAILABLE',
  'STORE_FULL',
  'INTERNAL',
]);

export function createRunner(parts: RunnerParts): Runner {
  const { queue, pool, log } = parts;
  // One job more than threads: the next study is fetched while the others are computed.
  const most = pool.size + 1;
  const running = new Map<string, { readonly job: ClaimedJob; readonly done: Promise<void> }>();
  const stopping = new AbortController();
  let claiming: Promise<void> | null = null;
  let again = false;
  let timer: NodeJS.Timeout | null = null;
  let unsubscribe: () => void = () => undefined;

  const pump = (): void => {
    if (stopping.signal.aborted) return;
    if (claiming !== null) {
      again = true;
      return;
    }
    again = false;
    claiming = claim().finally(() => {
      claiming = null;
      if (again) pump();
    });
  };

  const claim = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    try {
      const free = most - running.size;
      const jobs = free > 0 ? await queue.claim(free, [...parts.manifests().keys()]) : [];
      for (const job of jobs) begin(job);
      if (running.size < most) wakeIn((await queue.nextDue()) ?? 30_000);
    } catch (error) {
      log.warn({ event: 'claim-failed', code: asServiceError(error).code });
      wakeIn(1_000);
    }
  };

  const wakeIn = (milliseconds: number): void => {
    if (stopping.signal.aborted) return;
    timer = setTimeout(pump, Math.min(Math.max(milliseconds, 20), 30_000));
    timer.unref();
  };

  const begin = (job: ClaimedJob): void => {
    const done = work(parts, job, stopping.signal).finally(() => {
      running.delete(job.id);
      pump();
    });
    running.set(job.id, { job, done });
  };

  return {
    start() {
      unsubscribe = queue.onWork(pump);
      pump();
    },
    async stop(graceMs) {
      unsubscribe();
      if (timer !== null) clearTimeout(timer);
      const rest = [...running.values()].map(({ done }) => done);
      const grace = new Promise<void>((resolve) => setTimeout(resolve, graceMs).unref());
      await Promise.race([Promise.allSettled(rest), grace]);
      stopping.abort();
      await Promise.allSettled([...running.values()].map(({ done }) => done));
    },
  };
}

/** One job from its claim to its end. Never throws: whatever happens is the job's outcome, or its lease runs out. */
async function work(parts: RunnerParts, job: ClaimedJob, stopping: AbortSignal): Promise<void> {
  const { queue, log } = parts;
  const started = performance.now();
  const model = `${job.model.name}@${job.model.version}`;
  const end = (outcome: string): void => {
    const seconds = (performance.now() - started) / 1000;
    parts.onEnd({ model, outcome, seconds });
    log.info({
      event: 'job-ended',
      job: job.id,
      tenant: job.tenant,
      model,
      state: outcome,
      attempt: job.attempt,
      milliseconds: Math.round(seconds * 1000),
    });
  };
  try {
    const assessed = await assess(parts, job, AbortSignal.any([job.lost, stopping]));
    await queue.complete(job, assessed);
    parts.credentials.drop(job.id);
    end(assessed.assessment.status);
  } catch (error) {
    if (job.lost.aborted) return end('lost');
    await settleFailure(parts, job, asServiceError(error), stopping, end);
  }
}

async function settleFailure(
  { queue, log, credentials }: RunnerParts,
  job: ClaimedJob,
  failure: ServiceError,
  stopping: AbortSignal,
  end: (outcome: string) => void,
): Promise<void> {
  try {
    if (stopping.aborted) {
      await queue.release(job);
      return end('released');
    }
    if (failure.code.startsWith('DICOM_')) {
      await queue.complete(job, failedStudy(failure));
      return end('failed');
    }
    const state = await queue.fail(job, failure, {
      final: !passing.has(failure.code) && failure.code !== 'NEEDS_CREDENTIAL',
    });
    if (state === 'dead') credentials.drop(job.id);
    end(failure.code);
  } catch (error) {
    // The store is gone: the lease runs out and the job is taken up again.
    log.warn({ event: 'job-not-settled', job: job.id, code: asServiceError(error).code });
  }
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
  if (token === null && job.credential === 'hook' && needsToken(payload.study))
    throw new ServiceError('NEEDS_CREDENTIAL');

  const timeout = AbortSignal.timeout(parts.fetchTimeoutMs);
  const fetching = AbortSignal.any([signal, timeout]);
  const fetchStarted = performance.now();
  let fetchMs = 0;
  let best: AssessedStudy | null = null;
  let firstFailure: ServiceError | null = null;
  const instances = parts.fetchInstances({ tenant, manifest, payload, token }, fetching);
  try {
    let waitedFrom = fetchStarted;
    for await (const { bytes } of instances) {
      fetchMs += performance.now() - waitedFrom;
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
      waitedFrom = performance.now();
    }
  } catch (error) {
    if (timeout.aborted && !signal.aborted) throw new ServiceError('DICOMWEB_TIMEOUT', { cause: error });
    throw error;
  }
  if (best !== null) return best;
  if (firstFailure !== null) throw firstFailure;
  return abstainedStudy('GATE_MODALITY');
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

/** The result of a study whose files themselves cannot be read: trying again would not help. */
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
