import { existsSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyError, FastifyPluginAsync } from 'fastify';
import { createAccessTokens } from './access-tokens.ts';
import { addressesBelow } from './addresses.ts';
import { readCases } from './case-file.ts';
import { createCdsCaller } from './cds-caller.ts';
import { dicomWebRoutes } from './dicomweb-routes.ts';
import { ehrRoutes } from './ehr-routes.ts';
import { chartRecords } from './fhir-records.ts';
import { fhirRoutes } from './fhir-routes.ts';
import { createFhirStore } from './fhir-store.ts';
import type { TokenRule } from './gatekeeper.ts';
import { createImageArchive } from './image-archive.ts';
import { outcomeOf, sendFhir } from './outcome.ts';
import { createSigningKey } from './signing-key.ts';

export interface SandboxOptions {
  /** Origin (with base path) under which callers reach the prefix of this plugin, e.g. `http://localhost:3000`. */
  readonly publicBase: string;
  /** Base of the CDS service that the chart page calls, e.g. `http://localhost:3000`. */
  readonly foveaBase: string;
  /** Folder with `cases.json` and the files of the cases. */
  readonly dataFolder: string;
  /** Folder with the built chart page. */
  readonly chartFolder: string;
  /** Whether FHIR and DICOMweb serve calls from loopback that bring no access token. */
  readonly tokens: TokenRule;
  /** How late the slow archive answers, milliseconds; 3000 by default. */
  readonly slowArchiveDelay?: number;
}

/** The chart page needs nothing from elsewhere; it may stand in a frame, as charts do. */
const contentPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** Loading the FHIR definitions is half a second of work: it waits until the service beside has started. Milliseconds. */
const warmUpDelay = 1000;

/** The sandbox EHR: FHIR R4, DICOMweb, the chart page and its back end. Mount it below a prefix (`/sandbox`). */
export const sandboxPlugin: FastifyPluginAsync<SandboxOptions> = async (app, options) => {
  const { dataFolder, tokens: rule, slowArchiveDelay = 3000 } = options;
  const addresses = addressesBelow(options.publicBase.replace(/\/+$/, '') + app.prefix);
  const cases = readCases(dataFolder);
  const tokens = createAccessTokens();
  const key = await createSigningKey(addresses.issuer, addresses.jwksUrl);
  const store = createFhirStore(chartRecords(cases, addresses));
  const caller = createCdsCaller({
    foveaBase: options.foveaBase.replace(/\/+$/, ''),
    addresses,
    store,
    tokens,
    key,
  });

  app.addHook('onListen', async () => {
    setTimeout(() => void store.warm(), warmUpDelay).unref();
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ code: error.code ?? error.name }, 'sandbox');
    const text = status < 500 ? error.message : 'The sandbox could not answer this.';
    return sendFhir(reply, status, outcomeOf(status < 500 ? 'invalid' : 'exception', text));
  });

  await app.register(async (fhir) => fhirRoutes(fhir, { store, tokens, rule, base: addresses.fhirServer }), {
    prefix: '/fhir',
  });
  for (const [prefix, endpoint, delay] of [
    ['/dicomweb', 'normal', 0],
    ['/dicomweb-slow', 'slow', slowArchiveDelay],
  ] as const) {
    const archive = createImageArchive(cases, dataFolder, endpoint);
    const base = addresses.dicomWeb[endpoint];
    await app.register(async (web) => dicomWebRoutes(web, { archive, tokens, rule, base, delay }), {
      prefix,
    });
  }
  await app.register(
    async (ehr) =>
      ehrRoutes(ehr, { cases, archive: createImageArchive(cases, dataFolder, null), caller, addresses }),
    { prefix: '/ehr' },
  );
  app.get('/auth/jwks.json', (_request, reply) => reply.header('cache-control', 'max-age=60').send(key.jwks));
  app.get('/config.json', () => ({
    fhirServer: addresses.fhirServer,
    dicomWeb: addresses.dicomWeb.normal,
    issuer: addresses.issuer,
    jwksUrl: addresses.jwksUrl,
    cdsServices: `${options.foveaBase.replace(/\/+$/, '')}/cds-services`,
    tokens: rule,
    users: [{ id: 'Practitioner/demo', name: 'Dr Ruth Hartmann' }],
  }));

  if (existsSync(path.join(options.chartFolder, 'index.html'))) {
    // Relative: a proxy in front may serve all of this below a path of its own.
    app.get('', (_request, reply) => reply.redirect(`${path.posix.basename(app.prefix)}/`));
    await app.register(fastifyStatic, {
      root: options.chartFolder,
      redirect: true,
      setHeaders: (reply) => {
        reply.header('content-security-policy', contentPolicy);
        reply.header('x-content-type-options', 'nosniff');
      },
    });
  } else {
    app.get('/', (_request, reply) =>
      reply.code(503).type('text/plain').send('The chart page is not built: npm run build:chart'),
    );
  }
};
