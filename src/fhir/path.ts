import { ServiceError } from '#core/error';

/** A request to one FHIR server. */
export type FhirPath =
  | { readonly kind: 'read'; readonly url: string; readonly type: string; readonly id: string }
  | { readonly kind: 'search'; readonly url: string };

/** `Type/id`, nothing after it: an id with `?` or `/` in it must not become another request. */
const read = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})$/;
const search = /^[A-Z][A-Za-z]{1,63}\?[\x21\x24-\x5b\x5d-\x7e]*$/;

/** A base that paths may be put behind: no user information, query or fragment. */
function isPlainBase(base: string): boolean {
  if (!URL.canParse(base) || /[?#\s\\]/.test(base)) return false;
  const { username, password } = new URL(base);
  return username === '' && password === '';
}

/**
 * The absolute address of a relative read (`Patient/1`), a relative search (`ImagingStudy?patient=1`) or an absolute
 * link, and what it asks for. What else a resource id or a search value might smuggle in (`../`, a second `?`, `#`,
 * blanks) is refused; values within a query must come percent-encoded. Whether an absolute link lies below the base is
 * not decided here: the outbound policy holds every address against it.
 *
 * @throws ServiceError INVALID_REQUEST, or FHIR_SERVER_NOT_ALLOWED for a base that is not a plain URL
 * @see FHIR R4 §2.1.0.0.1 (id), §http
 */
export function checkPath(path: string, base: string): FhirPath {
  if (!isPlainBase(base)) throw new ServiceError('FHIR_SERVER_NOT_ALLOWED');
  const root = `${base.replace(/\/+$/, '')}/`;
  const relative = readOf(path, `${root}${path}`);
  if (relative !== null) return relative;
  if (search.test(path) && path.indexOf('?') === path.lastIndexOf('?')) {
    return { kind: 'search', url: `${root}${path}` };
  }
  if (/^https?:\/\//i.test(path)) {
    const [href, below] = [URL.canParse(path) ? new URL(path).href : '', new URL(root).href];
    const absolute = href.startsWith(below) ? readOf(href.slice(below.length), path) : null;
    return absolute ?? { kind: 'search', url: path };
  }
  throw new ServiceError('INVALID_REQUEST', { detail: 'A FHIR request is neither a read nor a search.' });
}

function readOf(path: string, url: string): FhirPath | null {
  const [, type, id] = read.exec(path) ?? [];
  if (type === undefined || id === undefined || id === '.' || id === '..') return null;
  return { kind: 'read', url, type, id };
}
