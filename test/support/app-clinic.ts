import { setMaxListeners } from 'node:events';
import type { Resource } from '@medplum/fhirtypes';
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { type AppParts, createAppTools } from '#assessment/app/tools';
import { idOf } from '#assessment/catalogue';
import { createPerformer, isFinal } from '#assessment/perform';
import { createPool } from '#assessment/pool';
import { createStudyFetcher } from '#assessment/study-fetcher';
import { createOutboundFetch } from '#auth/outbound';
import type { AppSession, AppTools, SmartGrant } from '#core/app-ports';
import type { LogFields } from '#core/log';
import type { Tenant } from '#core/tenant';
import { createAccessTokens } from '#sandbox/access-tokens';
import { dicomWebRoutes } from '#sandbox/dicomweb-routes';
import { chartRecords } from '#sandbox/fhir-records';
import { fhirRoutes } from '#sandbox/fhir-routes';
import { createFhirStore } from '#sandbox/fhir-store';
import { createImageArchive } from '#sandbox/image-archive';
import { createAnswers } from '#store/answers';
import { startWork } from '#store/work';
import { type Clinic, clinicTenant, openClinic } from './clinic.ts';
import { sandboxCases, sandboxData } from './hospital.ts';
import { wadoBody, wadoHeaders } from './wado.ts';

/** What a test puts in the place of an answer of the EHR or of the imaging server; true: it answered. */
export type Stand = (request: FastifyRequest, reply: FastifyReply) => boolean;

/** The app's back end on an EHR and an imaging server of the sandbox, which ask for tokens, and a store of its own. */
export interface AppClinic {
  readonly clinic: Clinic;
  readonly base: string;
  readonly fhirServer: string;
  readonly tenant: Tenant;
  readonly parts: AppParts;
  readonly tools: AppTools;
  readonly logged: LogFields[];
  /** Addresses that were asked for, with their query. */
  readonly asked: string[];
  /** Asked in order before the real servers. */
  readonly stands: Stand[];
  /** A launch with a token of its own; each call is another launch. */
  session(patientId: string | null, more?: SessionChange): AppSession;
  /** Runs the jobs that are queued until none is. */
  work(): Promise<void>;
  close(): Promise<void>;
}

export interface SessionChange {
  readonly user?: string;
  readonly tenant?: Partial<Tenant>;
  readonly scope?: string;
  readonly grant?: Partial<SmartGrant>;
}

/** A reader that stays. */
export const never = new AbortController().signal;
setMaxListeners(0, never);

/** @param extra records beside those of the sandbox */
export async function openAppClinic(
  extra: (addresses: { readonly base: string; readonly wado: string }) => readonly Resource[] = () => [],
): Promise<AppClinic> {
  const clinic = await openClinic({ backoff: { first: 600, longest: 600, seed: 'test' } });
  const app = Fastify({ forceCloseConnections: true });
  const tokens = createAccessTokens();
  const asked: string[] = [];
  const stands: Stand[] = [];
  app.addHook('onRequest', async (request, reply) => {
    asked.push(request.url);
    for (const stand of stands) if (stand(request, reply)) return reply;
    return undefined;
  });
  const ready = { store: null as ReturnType<typeof createFhirStore> | null };
  const cases = sandboxCases();
  await app.register(
    async (scope) =>
      fhirRoutes(scope, {
        store: {
          get: (one) => ready.store!.get(one),
          create: (type, resource) => ready.store!.create(type, resource),
          warm: () => ready.store!.warm(),
        },
        tokens,
        rule: 'required',
        base: '/fhir',
      }),
    { prefix: '/fhir' },
  );
  await app.register(
    async (scope) =>
      dicomWebRoutes(scope, {
        archive: createImageArchive(cases, sandboxData, null),
        tokens,
        rule: 'required',
        base: '/wado',
        delay: 0,
      }),
    { prefix: '/wado' },
  );
  function origin(): string {
    const address = app.server.address();
    return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
  }
  await app.listen({ host: '127.0.0.1', port: 0 });
  const base = origin();
  const wado = `${base}/wado`;
  const fhirServer = `${base}/fhir`;
  ready.store = createFhirStore([
    ...chartRecords(cases, {
      base,
      fhirServer,
      dicomWeb: { normal: wado, slow: wado, foreign: 'https://pacs.elsewhere.example/dicom-web' },
      issuer: `${base}/auth`,
      jwksUrl: `${base}/jwks.json`,
    }),
    ...extra({ base, wado }),
  ]);
  await ready.store.warm();

  const loopback = ['127.0.0.0/8'];
  const tenant: Tenant = {
    ...clinicTenant,
    fhirServers: [{ base: fhirServer, addresses: loopback }],
    imagingServers: [{ base: wado, addresses: loopback, sendToken: true }],
    smart: [
      {
        iss: fhirServer,
        clientId: 'fovea-app',
        authentication: { method: 'none' },
        authorizationServers: [{ base: `${base}/auth`, addresses: loopback }],
        frameAncestors: [],
        idleSeconds: 1_800,
      },
    ],
    prevalence: { 'chest-xray-pneumonia-paediatric/pneumonia': 0.2 },
    lookbackDays: 36_500,
  };
  const logged: LogFields[] = [];
  const log = (fields: LogFields) => void logged.push(fields);
  const outbound = createOutboundFetch();
  const parts: AppParts = {
    ...clinic.parts,
    outbound,
    answers: createAnswers(clinic.database),
    log: { info: log, warn: log, error: log },
    fetchTimeoutMs: 3_000,
    sandboxTenant: null,
  };
  let launches = 0;

  return {
    clinic,
    base,
    fhirServer,
    tenant,
    parts,
    tools: createAppTools(parts),
    logged,
    asked,
    stands,
    session(patientId, { user = 'Practitioner/demo', tenant: change, scope, grant } = {}) {
      launches += 1;
      const granted = scope ?? (patientId === null ? 'user/*.rs fhirUser' : 'patient/*.rs fhirUser');
      const token = tokens.issue({ patientId, scope: granted, user });
      return {
        launch: `00000000-0000-4000-8000-${String(launches).padStart(12, '0')}`,
        tenant: { ...tenant, ...change },
        fhirServer,
        user: { name: null, reference: user },
        patientId,
        grant: {
          expiresAt: Date.now() + 300_000,
          scopes: granted.split(' '),
          fhirUser: user,
          subject: 'somebody',
          patient: patientId,
          encounter: null,
          fhirContext: [],
          needPatientBanner: true,
          styleUrl: null,
          intent: null,
          appContext: null,
          ...grant,
        },
        expiresAt: new Date(Date.now() + 300_000),
        accessToken: async () => token,
      };
    },
    async work() {
      const { pkg, queue } = clinic;
      const pool = createPool({
        folders: { [idOf(pkg)]: pkg.folder },
        providers: ['cpu'],
        size: 1,
        timeoutMs: 60_000,
      });
      const running = startWork({
        queue,
        lanes: 2,
        perform: createPerformer({
          pool,
          credentials: clinic.parts.credentials,
          tenants: [tenant],
          manifests: () => new Map([[idOf(pkg), pkg.manifest]]),
          fetchInstances: createStudyFetcher(outbound, 5_000),
          fetchTimeoutMs: 5_000,
          log: parts.log,
          onEnd: () => undefined,
        }),
        isFinal,
      });
      try {
        for (;;) {
          const { queued, running: busy } = await queue.counts();
          if (queued === 0 && busy === 0) break;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      } finally {
        await running.stop();
        await pool.close();
      }
    },
    async close() {
      await app.close();
      await clinic.close();
    },
  };
}

/** Answers the instances of these paths (below `/wado`) with a file each. */
export function servesFiles(files: Readonly<Record<string, Uint8Array>>): Stand {
  return ({ url }, reply) => {
    const file = files[url.replace(/^\/wado/, '')];
    if (file === undefined) return false;
    reply.hijack();
    reply.raw.writeHead(200, wadoHeaders).end(wadoBody([file]));
    return true;
  };
}
