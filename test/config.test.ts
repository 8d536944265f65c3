import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoots, readConfig, settingsInForce } from '#config';
import { settings } from '#config/settings';
import { ServiceError } from '#core/error';

/** The error of one reading, held to be ours. */
function refusalOf(environment: Readonly<Record<string, string>>): ServiceError {
  try {
    readConfig(environment, 2);
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function fileOf(content: unknown): string {
  files += 1;
  const file = path.join(folder, `${files}.json`);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const tenant = {
  id: 'hospital',
  name: 'Hospital',
  clients: [{ issuer: 'https://ehr.example', jwksUrls: [{ base: 'https://ehr.example/jwks.json' }] }],
  fhirServers: [{ base: 'https://ehr.example/fhir' }],
  imagingServers: [{ base: 'https://pacs.example/dicom-web', addresses: ['10.0.0.0/8'], sendToken: true }],
};

describe('settings of the environment', () => {
  it('nothing is set: loopback, embedded, the budget of 400 ms, research use of every package', () => {
    const config = readConfig({}, 3);
    expect(config).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      publicUrl: null,
      trustProxy: [],
      extraCa: null,
      databaseUrl: null,
      corsOrigins: [],
      bodyLimit: 8 * 2 ** 20,
      hookBudgetMs: 400,
      workers: 3,
      jobTimeoutMs: 60_000,
      fetchTimeoutMs: 60_000,
      smartKeysFile: null,
      logLevel: 'info',
      sandboxTokens: 'optional',
      tenants: [],
      deployments: null,
      providers: null,
    });
    expect(config.dataFolder).toBe(path.resolve('data'));
    expect(config.pseudonymKeyFile).toBe(path.join(config.dataFolder, 'pseudonym.key'));
  });

  it('an empty or blank value counts as absent', () => {
    expect(readConfig({ PORT: '', FOVEA_LOG_LEVEL: '  ', DATABASE_URL: ' ' }, 1)).toMatchObject({
      port: 3000,
      logLevel: 'info',
      databaseUrl: null,
    });
  });

  it('the data folder is absolute, and the site’s own packages come after those that ship', () => {
    const config = readConfig({ FOVEA_DATA: 'somewhere' }, 1);
    expect(config.dataFolder).toBe(path.resolve('somewhere'));
    const [shipped, own] = packageRoots(config);
    expect(path.basename(shipped as string)).toBe('models');
    expect(own).toBe(path.join(config.dataFolder, 'models'));
  });

  it.each([
    ['https://fovea.example.org', 'https://fovea.example.org'],
    ['https://fovea.example.org/', 'https://fovea.example.org'],
    ['http://gate.example/imaging/fovea//', 'http://gate.example/imaging/fovea'],
  ])('FOVEA_PUBLIC_URL %s is known as %s', (given, known) => {
    expect(readConfig({ FOVEA_PUBLIC_URL: given }, 1).publicUrl).toBe(known);
  });

  it.each([
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '3000.5'],
    ['PORT', '0x10'],
    ['PORT', 'http'],
    ['FOVEA_PUBLIC_URL', 'fovea.example.org'],
    ['FOVEA_PUBLIC_URL', 'ftp://fovea.example.org'],
    ['FOVEA_PUBLIC_URL', 'https://user:secret@fovea.example.org'],
    ['FOVEA_PUBLIC_URL', 'https://fovea.example.org/?a=b'],
    ['FOVEA_PUBLIC_URL', 'https://fovea.example.org/#top'],
    ['FOVEA_TRUST_PROXY', 'proxy.example'],
    ['FOVEA_TRUST_PROXY', '10.0.0.0/33'],
    ['FOVEA_TRUST_PROXY', '10.0.0.0/8/8'],
    ['FOVEA_TRUST_PROXY', '::1/129'],
    ['FOVEA_TRUST_PROXY', '10.0.0.1, true'],
    ['DATABASE_URL', 'mysql://db.example/fovea'],
    ['DATABASE_URL', 'db.example'],
    ['FOVEA_CONFIG', '/nowhere/config.json'],
    ['FOVEA_CORS_ORIGINS', '*'],
    ['FOVEA_CORS_ORIGINS', 'chart.example'],
    ['FOVEA_CORS_ORIGINS', 'https://ehr.example/'],
    ['FOVEA_CORS_ORIGINS', 'https://ehr.example/chart'],
    ['FOVEA_CORS_ORIGINS', 'https://ehr.example, null'],
    ['FOVEA_CORS_ORIGINS', 'chrome-extension://abc'],
    ['FOVEA_BODY_LIMIT', '1023'],
    ['FOVEA_BODY_LIMIT', '8MB'],
    ['FOVEA_HOOK_BUDGET_MS', '0'],
    ['FOVEA_HOOK_BUDGET_MS', '60001'],
    ['FOVEA_WORKERS', '257'],
    ['FOVEA_WORKERS', 'all'],
    ['FOVEA_JOB_TIMEOUT_MS', '99'],
    ['FOVEA_FETCH_TIMEOUT_MS', '9999999999'],
    ['FOVEA_LOG_LEVEL', 'verbose'],
    ['FOVEA_SANDBOX_TOKENS', 'yes'],
  ])('%s=%s is refused by name, and the value is not repeated', (name, value) => {
    const error = refusalOf({ [name]: value });
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.detail).toMatch(new RegExp(`^${name} `));
    if (value.length > 5) expect(error.message).not.toContain(value);
  });

  it('HOST, FOVEA_DATA and files of secrets take any text here: whoever opens them judges', () => {
    const free = ['HOST', 'FOVEA_EXTRA_CA', 'FOVEA_DATA', 'FOVEA_PSEUDONYM_KEY_FILE', 'FOVEA_SMART_KEYS'];
    const checked = new Set(settings.map(({ name }) => name).filter((name) => !free.includes(name)));
    for (const name of checked) expect(() => readConfig({ [name]: '\u0000%' }, 1), name).toThrow(name);
    for (const name of free) expect(() => readConfig({ [name]: 'any' }, 1), name).not.toThrow();
  });

  it('what is in force tells no password of a database', () => {
    const shown = settingsInForce({ DATABASE_URL: 'postgres://fovea:secret@db/fovea', PORT: ' 80 ' });
    expect(shown.find(({ name }) => name === 'DATABASE_URL')?.value).toBe('set');
    expect(shown.find(({ name }) => name === 'PORT')?.value).toBe('80');
    expect(shown.find(({ name }) => name === 'HOST')?.value).toBeNull();
    expect(JSON.stringify(shown)).not.toContain('secret');
  });
});

describe('the file that FOVEA_CONFIG names', () => {
  const read = (content: unknown) => readConfig({ FOVEA_CONFIG: fileOf(content) }, 1);
  const refused = (content: unknown) => refusalOf({ FOVEA_CONFIG: fileOf(content) });

  it('the shipped example is valid', () => {
    const example = readFileSync(path.resolve(import.meta.dirname, '..', 'examples', 'config.json'), 'utf8');
    expect(read(example).tenants.length).toBeGreaterThan(0);
  });

  it('a tenant has the defaults that the schema names, and never answers callers without a token', () => {
    expect(read({ tenants: [tenant] }).tenants[0]).toEqual({
      ...tenant,
      anonymous: false,
      smart: [],
      prevalence: {},
      lookbackDays: 365,
      quietSeconds: 60,
      showLow: false,
      maxStudyBytes: 2 ** 30,
    });
  });

  it('an EHR of the SMART app is a public client that idles out after half an hour unless it says otherwise', () => {
    const smart = [
      {
        iss: `${tenant.fhirServers[0]?.base}/`,
        clientId: 'app',
        authorizationServers: [{ base: 'https://login.example' }],
      },
    ];
    expect(read({ tenants: [{ ...tenant, smart }] }).tenants[0]?.smart).toEqual([
      {
        ...smart[0],
        iss: tenant.fhirServers[0]?.base,
        authentication: { method: 'none' },
        frameAncestors: [],
        idleSeconds: 1800,
      },
    ]);
    const elsewhere = [{ ...smart[0], iss: 'https://other.example/fhir' }];
    expect(() => read({ tenants: [{ ...tenant, smart: elsewhere }] })).toThrow('/tenants/0/smart: ');
  });

  it('a deployment is for research use unless it says otherwise', () => {
    const deployments = [
      { model: 'chest', version: '1.0.0', state: 'active' },
      { model: 'chest', version: '2.0.0', state: 'shadow', use: 'cleared:K123456' },
    ];
    expect(read({ deployments }).deployments).toEqual([
      { ...deployments[0], use: 'research' },
      deployments[1],
    ]);
  });

  it.each<[string, unknown, string]>([
    ['not JSON', '{', 'cannot be read as JSON'],
    ['not an object', [], '/: '],
    ['an unknown member', { tenant: [] }, '/tenant: '],
    [
      'an unknown member of a tenant',
      { tenants: [{ ...tenant, lookBackDays: 1 }] },
      '/tenants/0/lookBackDays: ',
    ],
    [
      'a tenant that says it is anonymous',
      { tenants: [{ ...tenant, anonymous: true }] },
      '/tenants/0/anonymous: ',
    ],
    ['a tenant without clients', { tenants: [{ ...tenant, clients: [] }] }, '/tenants/0/clients: '],
    [
      'a tenant without FHIR servers',
      { tenants: [{ ...tenant, fhirServers: [] }] },
      '/tenants/0/fhirServers: ',
    ],
    ['an id that is no id', { tenants: [{ ...tenant, id: 'My Hospital' }] }, '/tenants/0/id: '],
    ['the id of the sandbox', { tenants: [{ ...tenant, id: 'sandbox' }] }, '/tenants/0/id: '],
    ['two tenants of one id', { tenants: [tenant, tenant] }, '/tenants: '],
    [
      'a base with a query',
      { tenants: [{ ...tenant, fhirServers: [{ base: 'https://ehr.example/fhir?x' }] }] },
      '/tenants/0/fhirServers/0/base: ',
    ],
    [
      'a base with a user',
      { tenants: [{ ...tenant, fhirServers: [{ base: 'https://me:pw@ehr.example/fhir' }] }] },
      '/tenants/0/fhirServers/0/base: ',
    ],
    [
      'a base that is no URL',
      { tenants: [{ ...tenant, imagingServers: [{ base: 'https://pacs:port/x' }] }] },
      '/tenants/0/imagingServers: ',
    ],
    [
      'an address range that is none',
      { tenants: [{ ...tenant, imagingServers: [{ base: 'https://pacs.example', addresses: ['10.*'] }] }] },
      '/tenants/0/imagingServers: ',
    ],
    [
      'a default imaging server that is not listed',
      { tenants: [{ ...tenant, defaultImagingServer: 'https://pacs.example/dicom-web-2' }] },
      '/tenants/0/defaultImagingServer: ',
    ],
    ['a share of 0', { tenants: [{ ...tenant, prevalence: { 'a/b': 0 } }] }, '/tenants/0/prevalence/a~1b: '],
    ['a share of 1', { tenants: [{ ...tenant, prevalence: { 'a/b': 1 } }] }, '/tenants/0/prevalence/a~1b: '],
    ['no lookback', { tenants: [{ ...tenant, lookbackDays: 0 }] }, '/tenants/0/lookbackDays: '],
    ['an odd state', { deployments: [{ model: 'm', version: '1', state: 'on' }] }, '/deployments/0/state: '],
    [
      'a use without its clearance',
      { deployments: [{ model: 'm', version: '1', state: 'active', use: 'cleared:' }] },
      '/deployments/0/use: ',
    ],
    ['an execution provider that is no name', { providers: ['GPU 1'] }, '/providers/0: '],
    ['no execution provider', { providers: [] }, '/providers: '],
  ])('%s is refused with its place', (_name, content, place) => {
    const error = refused(content);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.detail).toMatch(/^FOVEA_CONFIG /);
    expect(error.detail).toContain(place);
  });

  it('a default imaging server may be a listed base or lie below one', () => {
    for (const server of ['https://pacs.example/dicom-web', 'https://pacs.example/dicom-web/aet']) {
      const [found] = read({ tenants: [{ ...tenant, defaultImagingServer: server }] }).tenants;
      expect(found?.defaultImagingServer).toBe(server);
    }
  });
});
