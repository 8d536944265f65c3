import { availableParallelism, totalmem } from 'node:os';
import { deployedModels, idOf, loadCatalogue } from '#assessment/catalogue';
import { probeDatabase } from '#compose';
import { packageRoots, readConfig, settingsInForce } from '#config';
import { asServiceError } from '#core/error';
import { providers } from '#inference/providers';
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
    const config = readConfig();
    findings.push({
      what: 'configuration',
      state: 'ok',
      detail: `${config.tenants.length} tenants, providers ${config.providers.join(', ')}`,
    });
    const unknown = publicAddressProblem(config);
    // Without a tenant of its own nothing but the sandbox can be meant, which takes calls without a token.
    if (unknown !== null && config.tenants.length > 0)
      findings.push({ what: 'public address', state: 'problem', detail: unknown });
    findings.push(await database(config));
    findings.push(...(await models(config)));
    for (const tenant of config.tenants) {
      const clear = [...tenant.fhirServers, ...tenant.imagingServers].filter((one) =>
        one.base.startsWith('http:'),
      );
      findings.push({
        what: `tenant ${tenant.id}`,
        state: clear.length > 0 ? 'note' : 'ok',
        detail: `${tenant.fhirServers.length} FHIR and ${tenant.imagingServers.length} imaging servers${clear.length > 0 ? `, ${clear.length} without TLS` : ''}`,
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

async function database(config: ReturnType<typeof readConfig>): Promise<Finding> {
  const where = config.databaseUrl === null ? `embedded in ${config.dataFolder}` : 'PostgreSQL';
  try {
    const version = await probeDatabase(config);
    return { what: 'database', state: 'ok', detail: `${where}: ${version}` };
  } catch (error) {
    const failure = asServiceError(error);
    if (failure.code === 'DATA_FOLDER_LOCKED')
      return { what: 'database', state: 'note', detail: `${where}: in use by a running Fovea` };
    return { what: 'database', state: 'problem', detail: `${where}: ${failure.code}: ${failure.message}` };
  }
}

async function models(config: ReturnType<typeof readConfig>): Promise<Finding[]> {
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
