import { readFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ServiceError } from '#core/error';
import type { Tenant } from '#core/tenant';
import { invalid, isRange } from './invalid.ts';

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
const Smart = Type.Object(
  {
    iss: Type.String({
      pattern: '^https?://[^?#@]+$',
      description: 'FHIR base that a launch names as `iss`; it must be on fhirServers.',
    }),
    clientId: Type.String({ minLength: 1, description: '`client_id` that the EHR gave to Fovea.' }),
    authentication: Type.Optional(
      Type.Union(
        [
          Type.Object({ method: Type.Literal('none') }, closed),
          Type.Object(
            {
              method: Type.Union([Type.Literal('client_secret_basic'), Type.Literal('client_secret_post')]),
              secretFile: Type.String({ minLength: 1, description: 'File with the client secret.' }),
            },
            closed,
          ),
          Type.Object(
            {
              method: Type.Literal('private_key_jwt'),
              algorithm: Type.Union([Type.Literal('RS384'), Type.Literal('ES384')]),
            },
            closed,
          ),
        ],
        { description: 'How Fovea proves who it is at the token endpoint; absent: a public client.' },
      ),
    ),
    authorizationServers: Type.Array(Origin, {
      minItems: 1,
      description: 'Where authorization endpoint, token endpoint and keys of the EHR may be.',
    }),
    frameAncestors: Type.Optional(
      Type.Array(Type.String({ pattern: '^https?://[^/?#@]+$' }), {
        description: 'Origins whose pages may show the app in a frame; absent: none.',
      }),
    ),
    idleSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 43200,
        default: 1800,
        description: 'Seconds without a call after which a session of the app ends.',
      }),
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
    smart: Type.Optional(
      Type.Array(Smart, { description: 'EHRs from which the SMART app may be launched.' }),
    ),
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
      Type.Array(Type.String({ pattern: '^[a-z][a-z0-9-]{0,39}$' }), {
        description:
          'Execution providers in order of preference, of those that `fovea doctor` lists. Absent: all of them, a GPU first.',
        minItems: 1,
      }),
    ),
  },
  { ...closed, $id: 'https://fovea.health/schemas/config.json', title: 'Fovea configuration' },
);

/** Which version of a model speaks, and as what. */
export type Deployment = Required<Static<typeof DeploymentSchema>>;

/** What the file says, checked, with every default in its place. */
export interface ConfigFile {
  readonly tenants: readonly Tenant[];
  /** null: every verified package is active, research use. */
  readonly deployments: readonly Deployment[] | null;
  /** null: all there are, in their own order. */
  readonly providers: readonly string[] | null;
}

/**
 * Reads the file that `FOVEA_CONFIG` names; null: none, and all of it by default.
 * @throws ServiceError CONFIG_INVALID, naming the place in the file
 */
export function readConfigFile(file: string | null): ConfigFile {
  const { tenants, deployments, providers } = file === null ? {} : checked(file);
  return {
    tenants: (tenants ?? []).map(tenantOf),
    deployments: deployments?.map((one) => ({ ...one, use: one.use ?? 'research' })) ?? null,
    providers: providers ?? null,
  };
}

function checked(file: string): Static<typeof configFileSchema> {
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
  const read = content as Static<typeof configFileSchema>;
  const ids = (read.tenants ?? []).map((tenant) => tenant.id);
  if (new Set(ids).size < ids.length)
    throw invalid('FOVEA_CONFIG', '/tenants: two tenants have the same id.');
  (read.tenants ?? []).forEach(checkTenant);
  return read;
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
    authorizationServers: (tenant.smart ?? []).flatMap((one) => one.authorizationServers),
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
  const isFhirServer = (iss: string) =>
    tenant.fhirServers.some(({ base }) => base.replace(/\/+$/, '') === iss.replace(/\/+$/, ''));
  if (!(tenant.smart ?? []).every(({ iss }) => isFhirServer(iss)))
    throw wrong('smart', 'iss is not on fhirServers.');
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
    smart: (tenant.smart ?? []).map(smartOf),
    ...(defaultImagingServer !== undefined && { defaultImagingServer }),
    prevalence: tenant.prevalence ?? {},
    lookbackDays: tenant.lookbackDays ?? 365,
    quietSeconds: tenant.quietSeconds ?? 60,
    showLow: tenant.showLow ?? false,
    maxStudyBytes: tenant.maxStudyBytes ?? 2 ** 30,
  };
}

function smartOf(smart: Static<typeof Smart>): Tenant['smart'][number] {
  return {
    iss: smart.iss.replace(/\/+$/, ''),
    clientId: smart.clientId,
    authentication: smart.authentication ?? { method: 'none' },
    authorizationServers: smart.authorizationServers as Tenant['fhirServers'],
    frameAncestors: smart.frameAncestors ?? [],
    idleSeconds: smart.idleSeconds ?? 1800,
  };
}
