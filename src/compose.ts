import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { sql } from 'kysely';
import { type Catalogue, deployedModels, idOf, loadCatalogue } from '#assessment/catalogue';
import { createCredentials } from '#assessment/credentials';
import { unusedShares } from '#assessment/deployed';
import { createPseudonyms } from '#assessment/identity-keys';
import { createAssessmentTools, type SpeakingModel } from '#assessment/patient-assessments';
import { createPerformer, isFinal } from '#assessment/perform';
import { createPool, type Pool } from '#assessment/pool';
import { createPresenter } from '#assessment/present';
import { readPseudonymKey } from '#assessment/pseudonym-key';
import { createRecordReader } from '#assessment/record';
import { createStudyFetcher } from '#assessment/study-fetcher';
import { warmModels } from '#assessment/warm-models';
import { createClientVerifier } from '#auth/client-jwt';
import { fetchJwks } from '#auth/fetch-jwks';
import { createOutboundFetch } from '#auth/outbound';
import type { CdsPorts, HookCall } from '#cds/types';
import { asServiceError, ServiceError } from '#core/error';
import type { HookTools } from '#core/hook-tools';
import type { Log } from '#core/log';
import type { Tenant } from '#core/tenant';
import { services } from '#hooks/index';
import { chosenProviders } from '#inference/providers';
import { createApp } from '#server/app';
import { createLog, stackOf } from '#server/log';
import { createMetrics } from '#server/metrics';
import type { Readiness } from '#server/routes/health';
import { createAssessments } from '#store/assessments';
import { createCards } from '#store/cards';
import { type Database, type DatabaseOptions, openDatabase } from '#store/database';
import { createFeedback } from '#store/feedback';
import { migrate } from '#store/migrate';
import { probeStore, type StoreProbe } from '#store/probe';
import { createQueue } from '#store/queue';
import { createReplay } from '#store/replay';
import { startUpkeep } from '#store/upkeep';
import { startWork, type Work } from '#store/work';
import { appLink, composeApp } from './compose/app.ts';
import { type Config, packageRoots } from './config.ts';

/** A composed Fovea. */
export interface Fovea {
  /** Listens, and gives the address. Hooks are answered from then on; models may still be warming. */
  listen(): Promise<string>;
  /** Tells where the sandbox's own server is. Before {@link listen}; sandbox only. */
  sandboxAt(origin: string): void;
  /** Resolves when every deployed model is warm or refused. */
  readonly ready: Promise<void>;
  /** Not ready first, then no new connection, then no new job; what is under way ends or is given back. */
  stop(): Promise<void>;
}

/** The only place where parts are put together. @throws ServiceError */
export async function compose(config: Config, { sandbox } = { sandbox: false }): Promise<Fovea> {
  if (config.workers === 0 && config.databaseUrl === null) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_WORKERS is 0 and DATABASE_URL is absent: nobody could run the jobs.',
    });
  }
  if (sandbox && !config.tenants.some(({ anonymous }) => anonymous))
    throw new ServiceError('CONFIG_INVALID', { detail: 'The sandbox needs its own tenant.' });
  const log = createLog(config.logLevel);
  const [database, catalogue] = await Promise.all([openStore(config), loadCatalogue(packageRoots(config))]);
  const close: Closers = [() => database.close()];
  try {
    return await composeOn(config, sandbox, log, database, catalogue, close);
  } catch (error) {
    await closeAll(close).catch((also: unknown) =>
      log.error({ event: 'close-failed', code: asServiceError(also).code }),
    );
    throw error;
  }
}

/** What ends the parts, in the order in which they were started. */
type Closers = (() => Promise<void>)[];

/** Ends the parts, the last one first; one that fails keeps none of the others. @throws what the first one threw */
async function closeAll(close: Closers): Promise<void> {
  const failures: unknown[] = [];
  for (const end of close.splice(0).reverse()) await end().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

async function composeOn(
  config: Config,
  sandbox: boolean,
  log: Log,
  database: Database,
  catalogue: Catalogue,
  close: Closers,
): Promise<Fovea> {
  for (const refused of catalogue.refused) {
    log.error({ event: 'model-refused', model: refused.name, version: refused.version, code: refused.code });
  }
  const models: readonly SpeakingModel[] = deployedModels(catalogue, config.deployments).map((model) => ({
    ...model,
    presenter: createPresenter(model),
  }));
  for (const tenant of config.tenants)
    for (const model of unusedShares(tenant, models))
      log.warn({ event: 'prevalence-unused', tenant: tenant.id, model });
  const manifests = new Map(models.map((model) => [idOf(model.package), model.package.manifest]));
  const metrics = createMetrics();
  const queue = createQueue(database);
  await queue.start();
  close.push(() => queue.stop());
  const pool =
    config.workers === 0
      ? null
      : createPool({
          folders: Object.fromEntries(models.map((model) => [idOf(model.package), model.package.folder])),
          providers: chosenProviders(config.providers),
          size: config.workers,
          timeoutMs: config.jobTimeoutMs,
          onWorkerLost: () => log.error({ event: 'worker-lost' }),
        });
  if (pool !== null) close.push(() => pool.close());
  const outbound = createOutboundFetch(
    config.extraCa === null ? {} : { extraCa: readCertificates(config.extraCa) },
  );
  const credentials = createCredentials(() => Date.now());
  const pseudonyms = createPseudonyms(
    readPseudonymKey(config.pseudonymKeyFile, { made: config.databaseUrl === null || sandbox }),
  );
  const store = createAssessments(database);
  const parts = { store, queue, credentials, pseudonyms, models: () => models, now: () => new Date() };
  const base = { current: config.publicUrl ?? `http://localhost:${config.port}`, sandboxOrigin: '' };
  const state = { stopping: false };
  const warm = warmModels(models, pool, log, () => state.stopping);
  if (pool !== null) {
    const work = startRunner(pool);
    close.push(() => work.stop());
  }
  const upkeep = startUpkeep(database, log);
  close.push(() => upkeep.stop());
  const app = await createApp<Tenant>({
    cds: {
      services,
      ports: ports(),
      // The sandbox is called by either name of this machine.
      baseUrl: () =>
        sandbox ? [base.current, base.current.replace('//localhost:', '//127.0.0.1:')] : [base.current],
      deadlineMs: config.hookBudgetMs,
      bodyLimit: config.bodyLimit,
      corsOrigins: config.corsOrigins,
      authenticateDiscovery: !sandbox,
      onError: ({ error, code, status, method, route }) => {
        metrics.failures.inc({ code });
        if (status < 500) return;
        const cause = error instanceof ServiceError ? (error.cause ?? error) : error;
        log.error({ event: 'hook-failed', status, method, route, code, stack: stackOf(cause) });
      },
      onBadCard: ({ serviceId, hook, problems }) => {
        metrics.badCards.inc();
        log.error({ event: 'card-refused', service: serviceId, hook, count: problems.length });
      },
    },
    log,
    bodyLimit: config.bodyLimit,
    trustProxy: config.trustProxy,
    metrics: metrics.registry,
    readiness,
    records: () =>
      models.map((model) => ({
        model: model.package.manifest.name,
        version: model.package.manifest.version,
        title: model.package.manifest.title,
        use: model.use,
        digest: model.package.manifest.files.sourceAttributes.sha256,
        attributes: model.package.sourceAttributes,
      })),
    sandbox: sandbox ? { origin: () => base.sandboxOrigin } : null,
    smart: await composeApp({ config, sandbox, database, outbound, parts, base: () => base.current, log }),
  });

  close.push(() => app.close());

  return {
    ready: warm.done,
    sandboxAt(origin) {
      base.sandboxOrigin = origin;
    },
    async listen() {
      await app.listen({ host: config.host, port: config.port }).catch((cause: unknown) => {
        throw new ServiceError('CONFIG_INVALID', {
          detail: `HOST and PORT: nothing can listen on port ${config.port} there.`,
          cause,
        });
      });
      const address = app.server.address();
      const port = typeof address === 'object' && address !== null ? address.port : config.port;
      base.current = config.publicUrl ?? `http://localhost:${port}`;
      log.info({ event: 'listening', port, pid: process.pid });
      return base.current;
    },
    async stop() {
      state.stopping = true;
      await closeAll(close);
      log.info({ event: 'stopped', pid: process.pid });
    },
  };

  /** Aborts a little before `deadline` (`performance.now()` milliseconds), so that the answer leaves in time. */
  function answerBy(deadline: number): AbortSignal {
    const kept = Math.min(reserve.milliseconds, config.hookBudgetMs * reserve.share);
    return AbortSignal.timeout(Math.max(0, Math.floor(deadline - kept - performance.now())));
  }

  function startRunner(threads: Pool): Work {
    const perform = createPerformer({
      pool: threads,
      credentials,
      tenants: config.tenants,
      manifests: () => manifests,
      fetchInstances: createStudyFetcher(outbound, config.fetchTimeoutMs),
      fetchTimeoutMs: config.fetchTimeoutMs,
      log,
      onEnd: ({ model, outcome, seconds }) => metrics.jobs.observe({ model, outcome }, seconds),
    });
    // One job more than threads: the next study is fetched while the others are computed.
    return startWork({
      queue,
      lanes: threads.size + 1,
      perform,
      isFinal,
      onGone: (jobId) => credentials.drop(jobId),
      models: [...manifests.keys()],
      log,
    });
  }

  function ports(): CdsPorts<Tenant, HookTools> {
    const cards = createCards(database);
    const feedback = createFeedback(database);
    const replay = createReplay(database);
    const record = createRecordReader(outbound);
    const userOf = (call: HookCall<Tenant>): string => String(call.context['userId'] ?? '');
    return {
      verifyClient: createClientVerifier({
        tenants: config.tenants,
        fetchJwks: (source) => fetchJwks(outbound, source),
        firstUse: (issuer, jti, expires) => replay.firstUse(issuer, jti, expires),
        onRefused: (reason) => metrics.refusals.inc({ reason }),
      }),
      checkFhirServer: (tenant, fhirServer) => record.checkServer(tenant, fhirServer),
      fetchFhir: (call, query) => record.fetch(call, query),
      createTools: (call) => ({
        assessments: createAssessmentTools(parts, {
          tenant: call.client,
          userId: userOf(call),
          fhirServer: call.fhirServer,
          access:
            call.authorization === null
              ? null
              : {
                  token: call.authorization.accessToken,
                  expiresAt: Date.now() + call.authorization.expiresInSeconds * 1000,
                },
          startWaiting: () => answerBy(call.arrivedAt + config.hookBudgetMs),
          ...record.readers(call),
        }),
        now: parts.now,
        log,
        signal: call.signal,
        links: {
          home: base.current,
          sourceAttributes: (model, version) =>
            `${base.current}/cds-services/${call.serviceId}/source-attributes?model=${encodeURIComponent(model)}&version=${encodeURIComponent(version)}`,
          app: (id) => appLink(base.current, call.client, call.fhirServer, id),
        },
      }),
      async cardsIssued(call, issued) {
        metrics.cards.inc({ service: call.serviceId }, issued.length);
        // A card that cannot be remembered is not sent: feedback on it would be refused, an override of it forgotten.
        await cards.issued(
          issued.map(({ uuid, subject }) => ({
            id: uuid,
            tenant: call.client.id,
            service: call.serviceId,
            userKey: pseudonyms.user(call.client.id, userOf(call)),
            studyKey: subject['studyKey'] ?? '',
            model: { name: subject['model'] ?? '', version: subject['version'] ?? '' },
            finding: subject['finding'] ?? null,
            ...(subject['assessment'] !== undefined && { assessmentId: subject['assessment'] }),
            hookInstance: call.hookInstance,
          })),
        );
      },
      saveFeedback: (tenant, serviceId, entries) => feedback.save(tenant.id, serviceId, entries),
    };
  }

  async function readiness(): Promise<Readiness> {
    const storeOk = await answersWithin(sql`select 1`.execute(database.kysely), probeMs);
    return {
      ready: storeOk && !state.stopping,
      store: storeOk ? 'ok' : 'unavailable',
      models: models.map((model) => warm.stateOf(idOf(model.package))),
    };
  }
}

/** What a call that waited needs to word its answer and to remember its cards: this share of its time, milliseconds at most. */
const reserve = { share: 0.1, milliseconds: 40 } as const;

/** How long the store may take to answer before it counts as away, milliseconds. */
const probeMs = 2_000;

/** Whether `probe` comes to a good end within `milliseconds`. */
function answersWithin(probe: Promise<unknown>, milliseconds: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), milliseconds);
    probe
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(() => clearTimeout(timer));
  });
}

function storeOptions({ databaseUrl, dataFolder }: Config): DatabaseOptions {
  return databaseUrl === null ? { folder: path.join(dataFolder, 'database') } : { url: databaseUrl };
}

async function openStore(config: Config): Promise<Database> {
  const options = storeOptions(config);
  if ('folder' in options) {
    await mkdir(options.folder, { recursive: true, mode: 0o700 }).catch((cause: NodeJS.ErrnoException) => {
      // No room is the store's to tell.
      if (['ENOSPC', 'EDQUOT'].includes(cause.code ?? '')) return;
      throw new ServiceError('CONFIG_INVALID', { detail: 'FOVEA_DATA is no folder to write in.', cause });
    });
  }
  const database = await openDatabase(options);
  try {
    await migrate(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** A look at the database that the configuration names, for `fovea doctor`; nothing is made or changed. @throws ServiceError */
export function probeDatabase(config: Config): Promise<StoreProbe | null> {
  return probeStore(storeOptions(config));
}

function readCertificates(file: string): string {
  try {
    const pem = readFileSync(file, 'utf8');
    // Node takes a file without a certificate in silence.
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_EXTRA_CA cannot be read as certificates in PEM.',
      cause,
    });
  }
}
