import { existsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { deployedModels, idOf, loadCatalogue } from '#assessment/catalogue';
import { readSmartKeys } from '#auth/smart-keys';
import { readRegistrations } from '#auth/smart-registrations';
import { probeDatabase } from '#compose';
import { type Config, packageRoots, settingsInForce } from '#config';
import { asServiceError } from '#core/error';
import type { Tenant } from '#core/tenant';
import { chosenProviders, providers } from '#inference/providers';
import type { StoreProbe } from '#store/probe';
import { readConfiguration } from './configuration.ts';
import { publicAddressProblem } from './public-address.ts';
import { exitCodes, print, table } from './terminal.ts';

interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'note' | 'problem';
  readonly detail: string;
}

/** `fovea doctor [--json]`: exit 1 when something would keep Fovea from answering. */
export async function doctor(options: { readonly json?: boolean }): Promise<number> {
  const findings: Finding[] = [machine(), ...(await providerFindings())];
  try {
    const config = readConfiguration();
    findings.push({
      what: 'configuration',
      state: 'ok',
      detail: `${config.tenants.length} tenants, providers ${chosenProviders(config.providers).join(', ')}`,
    });
    const unknown = publicAddressProblem(config);
    // Without a tenant of its own nothing but the sandbox can be meant, which takes calls without a token.
    if (unknown !== null && config.tenants.length > 0)
      findings.push({ what: 'public address', state: 'problem', detail: unknown });
    findings.push(...(await database(config)), pseudonymKey(config), await smartApp(config));
    findings.push(...(await models(config)));
    for (const tenant of config.tenants) {
      findings.push(keySources(tenant));
      const clear = [...tenant.fhirServers, ...tenant.imagingServers].filter((one) =>
        one.base.startsWith('http:'),
      );
      findings.push({
        what: `tenant ${tenant.id}`,
        state: 'note',
        detail: `${tenant.fhirServers.length} FHIR and ${tenant.imagingServers.length} imaging servers, not contacted${clear.length > 0 ? `; ${clear.length} without TLS` : ''}`,
      });
    }
  } catch (error) {
    const failure = asServiceError(error);
    findings.push({ what: 'configuration', state: 'problem', detail: `${failure.code}: ${failure.message}` });
  }
  const environment = settingsInForce();
  print(
    options.json === true
      ? JSON.stringify({ findings, settings: environment }, null, 2)
      : [
          table(
            ['what', 'state', 'detail'],
            findings.map((one) => [one.what, one.state, one.detail]),
          ),
          '',
          table(
            ['setting', 'value', 'what it does'],
            environment.map((one) => [one.name, one.value ?? `${one.fallback} (default)`, one.about]),
          ),
        ].join('\n'),
  );
  return findings.some((one) => one.state === 'problem') ? exitCodes.failed : exitCodes.fine;
}

function machine(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  return {
    what: 'machine',
    state: major >= 20 ? 'ok' : 'problem',
    detail: `Node ${process.versions.node}, ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
  };
}

async function providerFindings(): Promise<Finding[]> {
  return Promise.all(
    providers.map(async (provider): Promise<Finding> => {
      const missing = await provider.missing();
      return {
        what: `provider ${provider.name}`,
        state: missing === null ? 'ok' : 'note',
        detail: missing ?? `${provider.title} can be tried`,
      };
    }),
  );
}

async function database(config: Config): Promise<Finding[]> {
  const what = 'database';
  const where = config.databaseUrl === null ? `embedded in ${config.dataFolder}` : 'PostgreSQL';
  try {
    const found = await probeDatabase(config);
    if (found === null)
      return [{ what, state: 'note', detail: `${where}: none yet, the first start makes it` }];
    const { version, jobs } = found;
    const current = found.stepsBehind === 0 && found.stepsAhead === 0;
    return [
      { what, state: current ? 'ok' : 'note', detail: `${where}: ${version}, ${schemaState(found)}` },
      {
        what: 'queue',
        state: 'ok',
        detail:
          jobs === null
            ? 'no jobs yet'
            : Object.entries(jobs)
                .map(([state, n]) => `${n} ${state}`)
                .join(', '),
      },
    ];
  } catch (error) {
    const failure = asServiceError(error);
    if (failure.code === 'DATA_FOLDER_LOCKED')
      return [{ what, state: 'note', detail: `${where}: in use by a running Fovea` }];
    return [{ what, state: 'problem', detail: `${where}: ${failure.code}: ${failure.message}` }];
  }
}

function schemaState({ stepsBehind, stepsAhead, jobs }: StoreProbe): string {
  const steps = (n: number) => `${n} ${n === 1 ? 'step' : 'steps'}`;
  if (stepsAhead > 0) return `schema ${steps(stepsAhead)} ahead of this program`;
  if (stepsBehind === 0) return 'schema up to date';
  return `${jobs === null ? 'no schema yet,' : 'schema'} ${steps(stepsBehind)} behind: the next start applies ${stepsBehind === 1 ? 'it' : 'them'}`;
}

/** The file alone: the key is not read. */
function pseudonymKey(config: Config): Finding {
  const what = 'pseudonym key';
  const file = config.pseudonymKeyFile;
  if (existsSync(file)) return { what, state: 'ok', detail: file };
  // Several processes must share a key that somebody gave them; the sandbox, which has no such tenants, makes its own.
  return config.databaseUrl !== null && config.tenants.length > 0
    ? { what, state: 'problem', detail: `${file} is missing: with DATABASE_URL it is not made` }
    : { what, state: 'note', detail: `${file} is not there yet: the first start makes it` };
}

/** Whether the app could sign in at the EHRs, as far as can be told without asking them. */
async function smartApp(config: Config): Promise<Finding> {
  const what = 'SMART app';
  try {
    const keys = config.smartKeysFile === null ? null : await readSmartKeys(config.smartKeysFile);
    const { size } = readRegistrations(config.tenants, keys);
    const own = `${keys?.published.keys.length ?? 0} keys of its own`;
    return { what, state: 'note', detail: `registered at ${size} EHRs, not contacted; ${own}` };
  } catch (error) {
    return { what, state: 'problem', detail: asServiceError(error).message };
  }
}

/** Where the keys come from that this tenant's tokens are verified with. What is fetched is not tried here. */
function keySources(tenant: Tenant): Finding {
  const sources = tenant.clients.flatMap(({ issuer, jwksUrls, jwks }) => [
    ...jwksUrls.map(({ base }) => `${issuer}: ${base}, not contacted`),
    ...(jwks === undefined ? [] : [`${issuer}: ${jwks.keys.length} in the configuration file`]),
  ]);
  const fetched = tenant.clients.some(({ jwksUrls }) => jwksUrls.length > 0);
  return {
    what: `keys of ${tenant.id}`,
    state: sources.length === 0 ? 'problem' : fetched ? 'note' : 'ok',
    detail: sources.length > 0 ? sources.join('; ') : 'none: every token would be refused',
  };
}

async function models(config: Config): Promise<Finding[]> {
  const catalogue = await loadCatalogue(packageRoots(config));
  const deployed = deployedModels(catalogue, config.deployments);
  return [
    ...catalogue.packages.map((pkg): Finding => {
      const deployment = deployed.find((one) => one.package === pkg);
      return {
        what: `model ${idOf(pkg)}`,
        state: 'ok',
        detail:
          deployment === undefined
            ? 'verified, not deployed'
            : `verified, ${deployment.state}, ${deployment.use}`,
      };
    }),
    ...catalogue.refused.map(
      (one): Finding => ({
        what: `model ${one.name}@${one.version}`,
        state: 'problem',
        detail: `${one.code}: ${one.text}`,
      }),
    ),
  ];
}
