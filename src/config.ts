import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ServiceError } from '#core/error';
import type { Tenant } from '#core/tenant';

/** One setting of the environment, as `fovea doctor` and docs/configuration.md list it. */
export interface Setting {
  readonly name: string;
  /** Shown where it is absent. */
  readonly fallback: string;
  readonly about: string;
}

/** Every variable of the environment that Fovea reads. docs/configuration.md is generated from this table. */
export const settings = [
  { name: 'HOST', fallback: '127.0.0.1', about: 'Address to listen on.' },
  { name: 'PORT', fallback: '3000', about: 'Port to listen on; 0 takes a free one.' },
  {
    name: 'FOVEA_PUBLIC_URL',
    fallback: 'http://localhost:PORT',
    about:
      'How callers reach this Fovea, with a base path if there is one. `aud` of a client JWT is held against it. `fovea serve` asks for it where HOST is not loopback.',
  },
  {
    name: 'FOVEA_TRUST_PROXY',
    fallback: 'none',
    about: 'Addresses of proxies whose X-Forwarded-* headers are believed (comma-separated CIDR).',
  },
  {
    name: 'FOVEA_EXTRA_CA',
    fallback: 'none',
    about: 'File with certificate authorities (PEM) to trust besides those of Node.',
  },
  {
    name: 'DATABASE_URL',
    fallback: 'embedded',
    about: 'PostgreSQL connection URL. Absent: an embedded database in FOVEA_DATA.',
  },
  {
    name: 'FOVEA_DATA',
    fallback: './data',
    about: 'Folder of the embedded database, of keys made here and of the site’s own model packages.',
  },
  {
    name: 'FOVEA_CONFIG',
    fallback: 'none',
    about: 'JSON file with tenants, deployments and execution providers (docs/schemas/config.json).',
  },
  {
    name: 'FOVEA_CORS_ORIGINS',
    fallback: 'none',
    about: 'Web origins that may call the CDS Hooks endpoints from a browser (comma-separated).',
  },
  { name: 'FOVEA_BODY_LIMIT', fallback: '8388608', about: 'Largest request body, bytes.' },
  {
    name: 'FOVEA_HOOK_BUDGET_MS',
    fallback: '400',
    about: 'Deadline of one hook call from its arrival, prefetch and FHIR included, milliseconds.',
  },
  {
    name: 'FOVEA_WORKERS',
    fallback: 'number of cores',
    about: 'Threads that decode and infer; 0: this process runs no jobs.',
  },
  {
    name: 'FOVEA_JOB_TIMEOUT_MS',
    fallback: '60000',
    about: 'Longest time that one study may take in a worker, milliseconds.',
  },
  {
    name: 'FOVEA_FETCH_TIMEOUT_MS',
    fallback: '60000',
    about: 'Longest time that fetching one study may take, milliseconds.',
  },
  {
    name: 'FOVEA_PSEUDONYM_KEY_FILE',
    fallback: 'FOVEA_DATA/pseudonym.key, made at the first start',
    about: 'File with the key (32 bytes or more) under which users and studies are pseudonymised.',
  },
  { name: 'FOVEA_LOG_LEVEL', fallback: 'info', about: 'debug, info, warn, error or silent.' },
  {
    name: 'FOVEA_SANDBOX_TOKENS',
    fallback: 'optional',
    about: 'Sandbox only: required makes its FHIR and DICOMweb servers refuse calls without a token.',
  },
] as const satisfies readonly Setting[];

type SettingName = (typeof settings)[number]['name'];

const closed = { additionalProperties: false } as const;
const Origin = Type.Object(
  {
    base: Type.String({
      pattern: '^https?://[^/?#@]+(/[^?#]*)?$',
      description: 'Base URL: scheme, host, port and path prefix.',
    }),
    addresses: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Address ranges (CIDR) the host may resolve to; absent: public addresses.',
      }),
    ),
    sendToken: Type.Optional(
      Type.Boolean({ description: 'Imaging servers: the hook’s access token may be sent here.' }),
    ),
  },
  closed,
);
const Client = Type.Object(
  {
    issuer: Type.String({ minLength: 1, description: '`iss` of the client JWT.' }),
    jwksUrls: Type.Array(Origin, {
      description: 'Key sets that may be fetched; a `jku` must be one of them.',
    }),
    jwks: Type.Optional(Type.Object({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) })),
    tenantClaim: Type.Optional(
      Type.String({ description: '`tenant` claim, when one issuer serves several tenants.' }),
    ),
  },
  closed,
);
const TenantSchema = Type.Object(
  {
    id: Type.String({ pattern: '^[a-z0-9-]{1,40}$' }),
    name: Type.String({ minLength: 1 }),
    clients: Type.Array(Client, { minItems: 1 }),
    fhirServers: Type.Array(Origin, { minItems: 1 }),
    imagingServers: Type.Array(Origin),
    defaultImagingServer: Type.Optional(
      Type.String({ description: 'WADO-RS root for studies whose record names no Endpoint.' }),
    ),
    prevalence: Type.Optional(
      Type.Record(Type.String(), Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), {
        description: 'Share of the examined patients that have a finding, by `model/finding`.',
      }),
    ),
    lookbackDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 36500, default: 365 })),
    quietSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86400, default: 60 })),
    showLow: Type.Optional(Type.Boolean({ default: false })),
    maxStudyBytes: Type.Optional(Type.Integer({ minimum: 1, default: 1073741824 })),
  },
  closed,
);
const DeploymentSchema = Type.Object(
  {
    model: Type.String(),
    version: Type.String(),
    state: Type.Union([Type.Literal('active'), Type.Literal('shadow'), Type.Literal('retired')]),
    use: Type.Optional(
      Type.String({ pattern: '^(research|investigational|cleared:.+)$', default: 'research' }),
    ),
  },
  closed,
);

/** The tenant that only `fovea sandbox` has, and whose results it shows without a sign-in. */
export const sandboxTenantId = 'sandbox';

/** The schema of `FOVEA_CONFIG`; docs/schemas/config.json is generated from it. */
export const configFileSchema = Type.Object(
  {
    tenants: Type.Optional(Type.Array(TenantSchema)),
    deployments: Type.Optional(
      Type.Array(DeploymentSchema, {
        description: 'Absent: every verified package is active, research use.',
      }),
    ),
    providers: Type.Optional(
      Type.Array(Type.Union([Type.Literal('cuda'), Type.Literal('webgpu'), Type.Literal('cpu')]), {
        description: 'Execution providers in order of preference.',
        minItems: 1,
      }),
    ),
  },
  { ...closed, $id: 'https://fovea.health/schemas/config.json', title: 'Fovea configuration' },
);

export type Deployment = Required<Static<typeof DeploymentSchema>>;

export interface Config {
  readonly host: string;
  readonly port: number;
  /** Without a trailing slash; null: derived from the port that is listened on. */
  readonly publicUrl: string | null;
  readonly trustProxy: readonly string[];
  readonly extraCa: string | null;
  readonly databaseUrl: string | null;
  readonly dataFolder: string;
  readonly corsOrigins: readonly string[];
  readonly bodyLimit: number;
  readonly hookBudgetMs: number;
  readonly workers: number;
  readonly jobTimeoutMs: number;
  readonly fetchTimeoutMs: number;
  readonly pseudonymKeyFile: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly sandboxTokens: 'optional' | 'required';
  readonly tenants: readonly Tenant[];
  /** null: every verified package is active, research use. */
  readonly deployments: readonly Deployment[] | null;
  readonly providers: readonly ('cuda' | 'webgpu' | 'cpu')[];
}

/**
 * Reads and checks the environment and the file that `FOVEA_CONFIG` names.
 *
 * @param cores default number of workers
 * @throws ServiceError CONFIG_INVALID, naming the setting
 */
export function readConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  cores = availableParallelism(),
): Config {
  const text = (name: SettingName): string | null => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? null : value;
  };
  const list = (name: SettingName): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  const integer = (name: SettingName, fallback: number, minimum: number, maximum: number): number => {
    const value = text(name);
    if (value === null) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(number) || number < minimum || number > maximum) {
      throw invalid(name, `must be a whole number from ${minimum} to ${maximum}.`);
    }
    return number;
  };
  const choice = <const T extends string>(name: SettingName, choices: readonly T[], fallback: T): T => {
    const value = text(name) ?? fallback;
    const found = choices.find((one) => one === value);
    if (found === undefined) throw invalid(name, `must be one of ${choices.join(', ')}.`);
    return found;
  };
  const dataFolder = path.resolve(text('FOVEA_DATA') ?? 'data');
  const file = readConfigFile(text('FOVEA_CONFIG'));
  return {
    host: text('HOST') ?? '127.0.0.1',
    port: integer('PORT', 3000, 0, 65535),
    publicUrl: readPublicUrl(text('FOVEA_PUBLIC_URL')),
    trustProxy: list('FOVEA_TRUST_PROXY').map((range) => {
      if (!isRange(range)) throw invalid('FOVEA_TRUST_PROXY', 'must be addresses or ranges (CIDR).');
      return range;
    }),
    extraCa: text('FOVEA_EXTRA_CA'),
    databaseUrl: readDatabaseUrl(text('DATABASE_URL')),
    dataFolder,
    corsOrigins: list('FOVEA_CORS_ORIGINS').map((origin) => {
      if (!isWebOrigin(origin))
        throw invalid(
          'FOVEA_CORS_ORIGINS',
          'must be scheme, host and port of web pages, https://ehr.example.',
        );
      return origin;
    }),
    bodyLimit: integer('FOVEA_BODY_LIMIT', 8 * 2 ** 20, 1024, 2 ** 30),
    hookBudgetMs: integer('FOVEA_HOOK_BUDGET_MS', 400, 1, 60_000),
    workers: integer('FOVEA_WORKERS', cores, 0, 256),
    jobTimeoutMs: integer('FOVEA_JOB_TIMEOUT_MS', 60_000, 100, 3_600_000),
    fetchTimeoutMs: integer('FOVEA_FETCH_TIMEOUT_MS', 60_000, 100, 3_600_000),
    pseudonymKeyFile: text('FOVEA_PSEUDONYM_KEY_FILE') ?? path.join(dataFolder, 'pseudonym.key'),
    logLevel: choice('FOVEA_LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent'], 'info'),
    sandboxTokens: choice('FOVEA_SANDBOX_TOKENS', ['optional', 'required'], 'optional'),
    tenants: (file.tenants ?? []).map(tenantOf),
    deployments: file.deployments?.map((one) => ({ ...one, use: one.use ?? 'research' })) ?? null,
    providers: file.providers ?? ['cuda', 'webgpu', 'cpu'],
  };
}

/** What is set of each setting, for `fovea doctor`; null where the default holds. What may hold a secret is not told. */
export function settingsInForce(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): readonly (Setting & { readonly value: string | null })[] {
  return settings.map((setting) => {
    const value = environment[setting.name]?.trim() || null;
    return { ...setting, value: value !== null && setting.name === 'DATABASE_URL' ? 'set' : value };
  });
}

function readConfigFile(file: string | null): Static<typeof configFileSchema> {
  if (file === null) return {};
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_CONFIG names a file that cannot be read as JSON.',
      cause,
    });
  }
  const first = Value.Errors(configFileSchema, content).First();
  if (first !== undefined)
    throw invalid('FOVEA_CONFIG', `${first.path === '' ? '/' : first.path}: ${first.message}.`);
  const checked = content as Static<typeof configFileSchema>;
  const ids = (checked.tenants ?? []).map((tenant) => tenant.id);
  if (new Set(ids).size < ids.length)
    throw invalid('FOVEA_CONFIG', '/tenants: two tenants have the same id.');
  (checked.tenants ?? []).forEach(checkTenant);
  return checked;
}

/** What the schema cannot say. @throws ServiceError CONFIG_INVALID, naming the place */
function checkTenant(tenant: Static<typeof TenantSchema>, index: number): void {
  const wrong = (where: string, problem: string) =>
    invalid('FOVEA_CONFIG', `/tenants/${index}/${where}: ${problem}`);
  if (tenant.id === sandboxTenantId)
    throw wrong('id', `${sandboxTenantId} is the tenant of \`fovea sandbox\`.`);
  const lists = {
    fhirServers: tenant.fhirServers,
    imagingServers: tenant.imagingServers,
    jwksUrls: tenant.clients.flatMap((client) => client.jwksUrls),
  };
  for (const [name, origins] of Object.entries(lists)) {
    for (const { base, addresses } of origins) {
      if (!URL.canParse(base)) throw wrong(name, 'base is not a URL.');
      if (addresses?.every(isRange) === false) throw wrong(name, 'addresses must be ranges (CIDR).');
    }
  }
  const { defaultImagingServer: server } = tenant;
  const listed = (base: string) => server === base || server?.startsWith(base.replace(/\/*$/, '/')) === true;
  if (server !== undefined && !tenant.imagingServers.some(({ base }) => listed(base)))
    throw wrong('defaultImagingServer', 'is not on imagingServers.');
}

/** An origin as a browser sends it. `*` would let every page call. */
function isWebOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}

/** An address, or a range of them in CIDR. */
function isRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity;
  return bits > 0 && length <= bits && rest.length === 0;
}

function tenantOf(tenant: Static<typeof TenantSchema>): Tenant {
  const { defaultImagingServer } = tenant;
  return {
    id: tenant.id,
    name: tenant.name,
    clients: tenant.clients as Tenant['clients'],
    anonymous: false,
    fhirServers: tenant.fhirServers as Tenant['fhirServers'],
    imagingServers: tenant.imagingServers as Tenant['imagingServers'],
    ...(defaultImagingServer !== undefined && { defaultImagingServer }),
    prevalence: tenant.prevalence ?? {},
    lookbackDays: tenant.lookbackDays ?? 365,
    quietSeconds: tenant.quietSeconds ?? 60,
    showLow: tenant.showLow ?? false,
    maxStudyBytes: tenant.maxStudyBytes ?? 2 ** 30,
  };
}

function readPublicUrl(value: string | null): string | null {
  if (value === null) return null;
  if (!URL.canParse(value)) throw invalid('FOVEA_PUBLIC_URL', 'must be an absolute URL.');
  const url = new URL(value);
  if (
    !/^https?:$/.test(url.protocol) ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username + url.password !== ''
  ) {
    throw invalid('FOVEA_PUBLIC_URL', 'must be http or https, without query, fragment or user.');
  }
  return url.href.replace(/\/+$/, '');
}

/** Only its scheme is looked at here: it may hold a password, which no message repeats. */
function readDatabaseUrl(value: string | null): string | null {
  if (value !== null && !/^postgres(ql)?:\/\//.test(value))
    throw invalid('DATABASE_URL', 'must be postgres:// or postgresql://.');
  return value;
}

function invalid(name: string, problem: string): ServiceError {
  return new ServiceError('CONFIG_INVALID', { detail: `${name} ${problem}` });
}

/** The folder that Fovea is installed in: the nearest one above this file with a package.json. */
export function installFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json')) && path.dirname(folder) !== folder)
    folder = path.dirname(folder);
  return folder;
}

/** Where model packages are: those that ship, then the site's own. */
export function packageRoots(config: Pick<Config, 'dataFolder'>): readonly string[] {
  return [path.join(installFolder(), 'models'), path.join(config.dataFolder, 'models')];
}
