import type { FastifyInstance } from 'fastify';
import { loadCatalogue } from '#assessment/catalogue';
import type { CallFailure } from '#cds/plugin';
import type { ServiceResponse } from '#cds/types';
import type { HookTools } from '#core/hook-tools';
import type { LogFields } from '#core/log';
import { services } from '#hooks/index';
import { type AppOptions, createApp } from '#server/app';
import { createMetrics } from '#server/metrics';
import { modelsFolder } from './model-packages.ts';

/** The HTTP service alone: its real routes, with the answers of a test behind the ports. */
export interface TestApp {
  readonly app: FastifyInstance;
  readonly logged: LogFields[];
  readonly failures: CallFailure[];
}

export interface TestAppOptions extends Partial<Omit<AppOptions<{ readonly id: string }>, 'cds' | 'log'>> {
  /** What the hook answers. */
  readonly handle?: (tools: HookTools) => Promise<ServiceResponse>;
}

export const serviceId = 'imaging-assessment';

export async function testApp({ handle, ...options }: TestAppOptions = {}): Promise<TestApp> {
  const logged: LogFields[] = [];
  const failures: CallFailure[] = [];
  const log = (fields: LogFields) => void logged.push(fields);
  const [service] = services;
  const bodyLimit = options.bodyLimit ?? 2048;
  const app = await createApp<{ readonly id: string }>({
    cds: {
      services:
        service === undefined || handle === undefined
          ? services
          : [
              {
                ...service,
                hooks: { 'patient-view': { prefetch: {}, handle: (_request, tools) => handle(tools) } },
              },
            ],
      baseUrl: 'http://localhost:3000',
      bodyLimit,
      deadlineMs: 5_000,
      onError: (failure) => failures.push(failure),
      onBadCard: () => undefined,
      ports: {
        verifyClient: async () => ({ id: 'hospital' }),
        checkFhirServer: () => undefined,
        fetchFhir: async () => ({}),
        createTools: () => ({}) as HookTools,
        cardsIssued: async () => undefined,
        saveFeedback: async () => undefined,
      },
    },
    log: { info: log, warn: log, error: log },
    trustProxy: [],
    metrics: createMetrics().registry,
    readiness: async () => ({ ready: true, store: 'ok', models: [] }),
    records: () => [],
    sandbox: null,
    smart: null,
    ...options,
    bodyLimit,
  });
  await app.ready();
  return { app, logged, failures };
}

/** The records of the shipped packages, as compose gives them. */
export async function shippedRecords(): Promise<ReturnType<AppOptions<unknown>['records']>> {
  const { packages } = await loadCatalogue([modelsFolder]);
  return packages.map((pkg) => ({
    model: pkg.manifest.name,
    version: pkg.manifest.version,
    title: pkg.manifest.title,
    use: 'research',
    digest: pkg.manifest.files.sourceAttributes.sha256,
    attributes: pkg.sourceAttributes,
  }));
}
