import { asObject, asObjects, asText, type Json } from './json.ts';

/** A resource with the base of the server that it says it comes from (`fullUrl` of its entry), where it says so. */
interface LocatedResource {
  readonly resource: Json;
  readonly base: string | null;
}

/** The resources of a Bundle, or the one resource. */
export interface ResourceIndex {
  ofType(type: string): readonly LocatedResource[];
  /** What `reference` means when it stands in `holder`: contained (`#1`), or in the Bundle. null when it is not there. */
  find(reference: string, holder: Json, base: string | null): Json | null;
}

/** `[base]/Type/id[/_history/version]` in its parts; `base` is null for a relative reference. */
function parseReference(reference: string): { base: string | null; type: string; id: string } | null {
  const match =
    /^(?:(https?:\/\/.+)\/)?([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[A-Za-z0-9\-.]{1,64})?$/.exec(
      reference,
    );
  return match === null ? null : { base: match[1] ?? null, type: match[2] as string, id: match[3] as string };
}

export function collectResources(resource: unknown): ResourceIndex {
  const root = asObject(resource);
  const located: LocatedResource[] = [];
  const byUrl = new Map<string, Json>();
  const entries =
    root?.['resourceType'] === 'Bundle'
      ? asObjects(root['entry'])
      : root === null
        ? []
        : [{ resource: root }];
  for (const entry of entries as readonly Json[]) {
    const found = asObject(entry['resource']);
    if (found === null) continue;
    const fullUrl = asText(entry['fullUrl']);
    const base = fullUrl === null ? null : (parseReference(fullUrl)?.base ?? null);
    located.push({ resource: found, base });
    if (fullUrl !== null) byUrl.set(fullUrl, found);
    const [type, id] = [asText(found['resourceType']), asText(found['id'])];
    if (type === null || id === null) continue;
    byUrl.set(`${base ?? ''}/${type}/${id}`, found);
    // Entries without fullUrl are common: a relative reference then means the resource of that type and id.
    if (!byUrl.has(`/${type}/${id}`)) byUrl.set(`/${type}/${id}`, found);
  }
  return {
    ofType: (type) => located.filter((entry) => entry.resource['resourceType'] === type),
    find(reference, holder, base) {
      if (reference.startsWith('#')) {
        return (
          asObjects(holder['contained']).find((contained) => `#${String(contained['id'])}` === reference) ??
          null
        );
      }
      const exact = byUrl.get(reference);
      if (exact !== undefined) return exact;
      const parts = parseReference(reference);
      if (parts === null) return null;
      const local = `/${parts.type}/${parts.id}`;
      if (parts.base !== null) return byUrl.get(`${parts.base}${local}`) ?? null;
      return byUrl.get(`${base ?? ''}${local}`) ?? byUrl.get(local) ?? null;
    },
  };
}

/**
 * Whether a Reference is to the Patient of this id on the call's FHIR server. An absolute reference must name the
 * server of the call or, when the call named none, the server that the holder says it comes from; contained,
 * logical and version-less references elsewhere are to nobody who can be told.
 */
export function isReferenceToPatient(
  reference: unknown,
  patientId: string,
  server: string | null,
  base: string | null,
): boolean {
  const parts = parseReference(asText(asObject(reference)?.['reference']) ?? '');
  if (parts === null || parts.type !== 'Patient' || parts.id !== patientId) return false;
  if (parts.base === null) return true;
  return sameBase(parts.base, server ?? base);
}

function sameBase(left: string, right: string | null): boolean {
  if (right === null || !URL.canParse(left) || !URL.canParse(right)) return false;
  const plain = (text: string): string => new URL(text).href.replace(/\/+$/, '');
  return plain(left) === plain(right);
}
