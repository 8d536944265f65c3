import { existsSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyError, FastifyPluginAsync } from 'fastify';
import type { JWKS } from 'oidc-provider';
import { createAccessTokens } from './access-tokens.ts';
import { addressesBelow, isOnThisMachine } from './addresses.ts';
import { readCases } from './case-file.ts';
import { createCdsCaller } from './cds-caller.ts';
import { dicomWebRoutes } from './dicomweb-routes.ts';
import { ehrRoutes } from './ehr-routes.ts';
import { chartRecords } from './fhir-records.ts';
import { fhirRoutes } from './fhir-routes.ts';
import { createFhirStore } from './fhir-store.ts';
import { eitherOf, type TokenRule } from './gatekeeper.ts';
import { createImageArchive } from './image-archive.ts';
import { outcomeOf, sendFhir } from './outcome.ts';
import { createSigningKey } from './signing-key.ts';
import { authRoutes } from './smart/auth-routes.ts';
import { securityOf, smartConfiguration, smartStyles } from './smart/discovery.ts';
import { createLaunches } from './smart/launches.ts';
import { createSmartServer } from './smart/server.ts';
import { usersOf } from './smart/users.ts';

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
  /** Public keys of Fovea's app and service; by default those at `<foveaBase>/.well-known/jwks.json`. */
  readonly appKeys?: JWKS;
  /** Seconds that an access token of an app lives; 600 by default. */
  readonly accessTokenSeconds?: number;
  /** The clock of launch values, milliseconds since the epoch; by default the machine's. */
  readonly now?: () => number;
}

/** The chart page needs nothing from elsewhere but the app in its frame; it may stand in a frame, as charts do. */
const contentPolicyOf = (app: string) =>
  `default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; connect-src 'self'; frame-src ${new URL(app).origin}; base-uri 'none'; form-action 'none'`;

/** Loading the FHIR definitions is half a second of work: it waits until the service beside has started. Milliseconds. */
const warmUpDelay = 1000;

/** The sandbox EHR: FHIR R4, DICOMweb, the chart page and its back end. Mount it below a prefix (`/sandbox`). */
export const sandboxPlugin: FastifyPluginAsync<SandboxOptions> = async (app, options) => {
  const { dataFolder, tokens: rule, slowArchiveDelay = 3000 } = options;
  const addresses = addressesBelow(options.publicBase.replace(/\/+$/, '') + app.prefix);
  const foveaBase = options.foveaBase.replace(/\/+$/, '');
  const launchAddress = `${foveaBase}/app/launch`;
  const cases = readCases(dataFolder);
  const tokens = createAccessTokens();
  const key = await createSigningKey(addresses.issuer, addresses.jwksUrl);
  const needsToken = rule === 'required' || !isOnThisMachine(addresses.base);
  const store = createFhirStore(chartRecords(cases, addresses, needsToken));
  const caller = createCdsCaller({ foveaBase, addresses, store, tokens, key });
  const smart = createSmartServer({
    addresses,
    cases,
    foveaBase,
    appKeys: options.appKeys ?? null,
    accessTokenSeconds: options.accessTokenSeconds ?? 600,
    launches: createLaunches(options.now),
    fault: (name) => app.log.error({ code: name }, 'sandbox'),
  });
  const either = eitherOf(tokens, smart.tokens);

  app.addHook('onListen', async () => {
    setTimeout(() => void store.warm().then(smart.open), warmUpDelay).unref();
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error({ code: error.code ?? error.name }, 'sandbox');
    const text = status < 500 ? error.message : 'The sandbox could not answer this.';
    return sendFhir(reply, status, outcomeOf(status < 500 ? 'invalid' : 'exception', text));
  });

  const publicly = { 'access-control-allow-origin': '*', 'cache-control': 'max-age=60' };
  app.get('/fhir/.well-known/smart-configuration', (_request, reply) =>
    reply.headers(publicly).send(smartConfiguration(addresses)),
  );
  for (const [scheme, style] of Object.entries(smartStyles))
    app.get(`/smart-style-${scheme}.json`, (_request, reply) => reply.headers(publicly).send(style));
  await app.register(
    async (fhir) =>
      fhirRoutes(fhir, {
        store,
        tokens: either,
        rule,
        base: addresses.fhirServer,
        security: securityOf(addresses),
      }),
    { prefix: '/fhir' },
  );
  for (const [prefix, endpoint, delay] of [
    ['/dicomweb', 'normal', 0],
    ['/dicomweb-slow', 'slow', slowArchiveDelay],
  ] as const) {
    const archive = createImageArchive(cases, dataFolder, endpoint);
    const base = addresses.dicomWeb[endpoint];
    await app.register(async (web) => dicomWebRoutes(web, { archive, tokens: either, rule, base, delay }), {
      prefix,
    });
  }
  await app.register(
    async (ehr) =>
      ehrRoutes(ehr, {
        cases,
        archive: createImageArchive(cases, dataFolder, null),
        caller,
        addresses,
        launches: smart.launches,
        apps: [launchAddress, `${launchAddress}?context=worklist`],
      }),
    { prefix: '/ehr' },
  );
  await app.register(async (auth) => authRoutes(auth, { smart, addresses, cases }), { prefix: '/auth' });
  app.get('/auth/jwks.json', (_request, reply) => reply.header('cache-control', 'max-age=60').send(key.jwks));
  app.get('/config.json', () => ({
    fhirServer: addresses.fhirServer,
    dicomWeb: addresses.dicomWeb.normal,
    issuer: addresses.issuer,
    jwksUrl: addresses.jwksUrl,
    cdsServices: `${foveaBase}/cds-services`,
    app: launchAddress,
    tokens: rule,
    users: usersOf(cases),
  }));

  const contentPolicy = contentPolicyOf(launchAddress);
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
