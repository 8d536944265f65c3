import type { AppSession } from '#core/app-ports';
import { asServiceError } from '#core/error';
import { readPersonName, readRole } from '#fhir/people';
import { createCache } from './cache.ts';
import type { AppParts } from './parts.ts';
import type { Ehr } from './record.ts';
import { line } from './text.ts';

/** The user of a session, as far as the EHR tells. */
export interface Person {
  readonly name: string | null;
  readonly role: string | null;
}

/** Reads who the user of a session is. */
export type ReadPerson = (session: AppSession) => Promise<Person>;

/** How long a name is kept, milliseconds. */
const keptMs = 3_600_000;

/**
 * Name and role from Practitioner or PractitionerRole, read once a session. An EHR that does not let them be read names
 * nobody; nothing else fails for it.
 */
export function createPeople({ log }: Pick<AppParts, 'log'>, ehr: Ehr): ReadPerson {
  const people = createCache<Person>(1_024, keptMs);

  const read = async (session: AppSession): Promise<Person> => {
    const { name, reference } = session.user;
    const resource = await ehr.read(session, reference);
    if (!reference.includes('PractitionerRole/'))
      return { name: line(readPersonName(resource) ?? name), role: null };
    const { practitioner, display, role } = readRole(resource);
    const person = practitioner === null ? null : await ehr.read(session, practitioner);
    return { name: line(readPersonName(person) ?? display ?? name), role: line(role) };
  };

  return async (session) => {
    const { tenant, user } = session;
    if (!/^Practitioner(?:Role)?\/[A-Za-z0-9\-.]{1,64}$/.test(user.reference))
      return { name: line(user.name), role: null };
    const key = JSON.stringify([tenant.id, session.fhirServer, session.launch, user.reference]);
    return people
      .get(key, () => read(session))
      .catch((error: unknown) => {
        const { code } = asServiceError(error);
        if (code === 'INTERNAL' || code === 'SMART_SESSION_ENDED') throw error;
        log.warn({ event: 'app-user-unread', tenant: tenant.id, code });
        return { name: line(user.name), role: null };
      });
  };
}
