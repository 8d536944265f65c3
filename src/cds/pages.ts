import { ServiceError } from '#core/error';
import { isObject, isResource, type JsonObject } from './json.ts';

export interface PageOptions {
  /** FHIR base. A relative `next` link, which FHIR does not have but servers send, counts from it. */
  readonly base: string;
  /** Pages in all, the first included. */
  readonly maxPages: number;
  /** GET of a page; it refuses a link that leads elsewhere (see the port `fetchFhir`). */
  readonly fetch: (url: string) => Promise<unknown>;
}

/** Whether a Bundle says that more results exist than it holds. */
export function hasMorePages(resource: unknown): resource is JsonObject {
  return isResource(resource) && resource.resourceType === 'Bundle' && nextLink(resource) !== null;
}

/**
 * One Bundle with the entries of all pages. Where the last page could not be reached (limit, failure, a link that
 * leads away) the open `next` link stays in the Bundle.
 * @see http://hl7.org/fhir/R4/http.html#paging
 */
export async function followPages(
  first: JsonObject,
  { base, maxPages, fetch }: PageOptions,
): Promise<JsonObject> {
  const entries = [...entriesOf(first)];
  const seen = new Set<string>();
  let next = nextLink(first);
  for (let page = 1; next !== null && page < maxPages; page += 1) {
    const url = absolute(next, base);
    if (url === null || seen.has(url)) break;
    seen.add(url);
    const bundle = await pageAt(url, fetch);
    if (bundle === null) break;
    for (const entry of entriesOf(bundle)) entries.push(entry);
    next = nextLink(bundle);
  }
  const others = linksOf(first).filter(({ relation }) => relation !== 'next');
  const links = next === null ? others : [...others, { relation: 'next', url: next }];
  const { link: _link, entry: _entry, ...rest } = first;
  return { ...rest, ...(links.length > 0 && { link: links }), ...(entries.length > 0 && { entry: entries }) };
}

/** A page that cannot be had ends the paging, not the call: what was read so far is used and says that it is incomplete. */
async function pageAt(url: string, fetch: PageOptions['fetch']): Promise<JsonObject | null> {
  try {
    const page = await fetch(url);
    return isResource(page) && page.resourceType === 'Bundle' ? page : null;
  } catch (error) {
    if (error instanceof ServiceError) return null;
    throw error;
  }
}

function linksOf(bundle: JsonObject): JsonObject[] {
  return Array.isArray(bundle['link']) ? bundle['link'].filter(isObject) : [];
}

function nextLink(bundle: JsonObject): string | null {
  const url = linksOf(bundle).find(({ relation }) => relation === 'next')?.['url'];
  return typeof url === 'string' && url !== '' ? url : null;
}

function entriesOf(bundle: JsonObject): readonly unknown[] {
  return Array.isArray(bundle['entry']) ? bundle['entry'] : [];
}

function absolute(link: string, base: string): string | null {
  const root = `${base.replace(/\/+$/, '')}/`;
  return URL.canParse(link, root) ? new URL(link, root).href : null;
}
