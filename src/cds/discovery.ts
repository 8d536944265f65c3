import { ServiceError } from '#core/error';
import { isText } from './json.ts';
import { checkHookDefinition } from './prefetch-template.ts';
import type { CdsService } from './types.ts';

/** One entry of the discovery answer. @see CDS Hooks 2.0 §Discovery Response */
export interface ServiceDescription {
  readonly hook: string;
  readonly title: string;
  readonly description: string;
  readonly id: string;
  readonly prefetch?: Readonly<Record<string, string>>;
  readonly usageRequirements?: string;
}

/** The services by id. @throws ServiceError CONFIG_INVALID for a definition that the standard does not allow */
export function serviceTable<Tools>(
  services: readonly CdsService<Tools>[],
): ReadonlyMap<string, CdsService<Tools>> {
  const table = new Map<string, CdsService<Tools>>();
  for (const service of services) {
    checkService(service);
    if (table.has(service.id))
      throw new ServiceError('CONFIG_INVALID', { detail: `Two services have the id ${service.id}.` });
    table.set(service.id, service);
  }
  return table;
}

function checkService(service: CdsService<never>): void {
  const { id, title, description, usageRequirements } = service;
  const fail = (what: string) => new ServiceError('CONFIG_INVALID', { detail: `Service ${id}: ${what}.` });
  if (!/^[A-Za-z0-9][A-Za-z0-9._~-]*$/.test(id)) throw fail('its id cannot stand in a URL');
  if (!isText(title)) throw fail('it has no title');
  if (!isText(description)) throw fail('it has no description');
  if (usageRequirements !== undefined && !isText(usageRequirements))
    throw fail('its usageRequirements are empty');
  const hooks = Object.entries(service.hooks);
  if (hooks.length === 0) throw fail('it has no hook');
  for (const [hook, { prefetch }] of hooks) checkHookDefinition(id, hook, prefetch);
}

/**
 * One entry for each hook of each service: the same id under several hooks says that a later hook's cards replace
 * those of an earlier one.
 * @see CDS Hooks 2.0 §Update stale guidance
 */
export function discoveryOf(services: Iterable<CdsService<never>>): {
  readonly services: readonly ServiceDescription[];
} {
  return {
    services: [...services].flatMap(({ id, title, description, usageRequirements, hooks }) =>
      Object.entries(hooks).map(([hook, { prefetch }]) => ({
        hook,
        title,
        description,
        id,
        ...(Object.keys(prefetch).length > 0 && { prefetch }),
        ...(usageRequirements !== undefined && { usageRequirements }),
      })),
    ),
  };
}
