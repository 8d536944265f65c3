import { createCredentials } from '#assessment/credentials';
import { createPseudonyms } from '#assessment/identity-keys';
import {
  type AssessmentParts,
  createAssessmentTools,
  type SpeakingModel,
} from '#assessment/patient-assessments';
import { createPresenter } from '#assessment/present';
import { createRecordReader } from '#assessment/record';
import { createOutboundFetch } from '#auth/outbound';
import type { HookCall } from '#cds/types';
import type { AssessedStudy } from '#core/assessment';
import type { PatientAssessments } from '#core/hook-tools';
import type { Tenant } from '#core/tenant';
import { loadPackage } from '#inference/package';
import type { ModelPackage } from '#inference/package-types';
import { createAssessments } from '#store/assessments';
import type { Database } from '#store/database';
import { type ClaimedJob, createQueue, type Queue, type QueueOptions } from '#store/queue';
import { shippedPackage } from './model-packages.ts';
import { openPlace, result } from './store.ts';

export const clinicTenant: Tenant = {
  id: 'clinic',
  name: 'Clinic',
  clients: [],
  anonymous: false,
  fhirServers: [],
  imagingServers: [],
  smart: [],
  prevalence: {},
  lookbackDays: 365,
  quietSeconds: 0,
  showLow: true,
  maxStudyBytes: 2 ** 28,
};

/** The day on which the tests' hooks are called. */
export const today = new Date('2026-11-20T12:00:00Z');

export interface StudyRecord {
  readonly uid: string;
  readonly started?: string;
  readonly modality?: string;
  readonly instances?: readonly string[];
  /** Reference to its Endpoint, or the address of a contained one that asks for the token. */
  readonly endpoint?: { readonly reference: string } | { readonly address: string };
  readonly patient?: string;
}

export function imagingStudy(study: StudyRecord): Record<string, unknown> {
  const { uid, modality = 'DX', instances = [`${uid}.1.1`], endpoint } = study;
  const contained = endpoint !== undefined && 'address' in endpoint;
  return {
    resourceType: 'ImagingStudy',
    id: `s${uid.replaceAll('.', '-')}`,
    status: 'available',
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    subject: { reference: `Patient/${study.patient ?? 'p1'}` },
    ...(study.started !== undefined && { started: study.started }),
    description: 'Chest',
    modality: [{ code: modality }],
    ...(contained && {
      contained: [
        {
          resourceType: 'Endpoint',
          id: 'pacs',
          status: 'active',
          connectionType: { code: 'dicom-wado-rs' },
          extension: [
            {
              url: 'http://hl7.org/fhir/smart-imaging-access/StructureDefinition/requires-access-token',
              valueBoolean: true,
            },
          ],
          address: endpoint.address,
        },
      ],
    }),
    ...(endpoint !== undefined && {
      endpoint: [{ reference: contained ? '#pacs' : (endpoint as { reference: string }).reference }],
    }),
    series: [
      {
        uid: `${uid}.1`,
        modality: { code: modality },
        instance: instances.map((one, index) => ({
          uid: one,
          sopClass: { code: 'urn:oid:1.2.840.10008.5.1.4.1.1.1.1' },
          number: index + 1,
        })),
      },
    ],
  };
}

export const patientRecord = (more: Readonly<Record<string, unknown>> = {}) => ({
  resourceType: 'Patient',
  id: 'p1',
  identifier: [{ value: 'MRN-1' }],
  birthDate: '2023-01-01',
  gender: 'female',
  ...more,
});

/** What differs between two calls. */
export interface ClinicCall {
  readonly tenant?: Partial<Tenant>;
  readonly userId?: string;
  readonly patient?: unknown;
  readonly fhirServer?: string;
  readonly access?: { readonly token: string; readonly expiresAt: number };
  /** Ends the wait; default: at once. */
  readonly until?: AbortSignal;
  readonly onWait?: () => void;
  readonly now?: Date;
}

/** The clinical path without HTTP: the embedded store, the queue, the shipped package. Jobs are done by the test. */
export interface Clinic {
  readonly database: Database;
  readonly queue: Queue;
  readonly parts: AssessmentParts;
  readonly pkg: ModelPackage;
  /** The deployed models; a test may replace what is in it. */
  readonly models: SpeakingModel[];
  open(studies: readonly StudyRecord[], call?: ClinicCall): Promise<PatientAssessments>;
  /** Takes the next job, held to be there. */
  claim(): Promise<ClaimedJob>;
  /** Takes the next job and ends it with a result. */
  finish(assessed?: AssessedStudy): Promise<void>;
  /** State and credential of every job, oldest first. */
  jobs(): Promise<
    { id: string; state: string; credential: string; priority: number; model_version: string }[]
  >;
  close(): Promise<void>;
}

/** One deployment of a package, under another version where one is given. */
export function speaking(
  pkg: ModelPackage,
  { version = pkg.manifest.version, state = 'active' as 'active' | 'shadow', name = pkg.manifest.name } = {},
): SpeakingModel {
  const model = {
    package: { ...pkg, manifest: { ...pkg.manifest, name, version } },
    state,
    use: 'research',
  };
  return { ...model, presenter: createPresenter(model) };
}

/** A signal of a call that has no time to wait. */
export const noTime = AbortSignal.abort();

export async function openClinic(options: QueueOptions = {}): Promise<Clinic> {
  const place = await openPlace('embedded');
  const database = await place.open();
  const pkg = await loadPackage((await shippedPackage()) as string);
  const queue = createQueue(database, options);
  await queue.start();
  const models: SpeakingModel[] = [speaking(pkg)];
  const record = createRecordReader(createOutboundFetch());
  const parts: AssessmentParts = {
    store: createAssessments(database),
    queue,
    credentials: createCredentials(() => Date.now()),
    pseudonyms: createPseudonyms(Buffer.alloc(32, 7)),
    models: () => models,
    now: () => today,
  };
  const claim = async (): Promise<ClaimedJob> => {
    const [job] = await queue.claim(1);
    if (job === undefined) throw new Error('no job is due');
    return job;
  };
  return {
    database,
    queue,
    parts,
    pkg,
    models,
    open(studies, call = {}) {
      const tenant = { ...clinicTenant, ...call.tenant };
      const patient = call.patient === undefined ? patientRecord() : call.patient;
      const hookCall: HookCall<Tenant> = {
        client: tenant,
        serviceId: 'imaging-assessment',
        hook: 'patient-view',
        hookInstance: 'd1577c69-dfbe-44ad-ba6d-3e05e953b2ea',
        context: { patientId: 'p1', userId: call.userId ?? 'Practitioner/1' },
        fhirServer: call.fhirServer ?? null,
        authorization: null,
        arrivedAt: performance.now(),
        fhirBytes: { left: 2 ** 24 },
        signal: new AbortController().signal,
      };
      const tools = createAssessmentTools(
        { ...parts, now: () => call.now ?? today },
        {
          tenant,
          userId: call.userId ?? 'Practitioner/1',
          fhirServer: hookCall.fhirServer,
          access: call.access ?? null,
          startWaiting() {
            call.onWait?.();
            return call.until ?? noTime;
          },
          ...record.readers(hookCall),
        },
      );
      return tools.forPatient({
        patient,
        imagingStudies: {
          resourceType: 'Bundle',
          type: 'searchset',
          entry: studies.map((study) => ({ resource: imagingStudy(study) })),
        },
      });
    },
    claim,
    async finish(assessed = result()) {
      await queue.complete(await claim(), assessed);
    },
    jobs: () =>
      database.kysely
        .selectFrom('jobs')
        .select(['id', 'state', 'credential', 'priority', 'model_version'])
        .orderBy('accepted_at')
        .execute(),
    async close() {
      await queue.stop();
      await place.close();
    },
  };
}
