import { ServiceError } from '#core/error';

/** A request below the base of one FHIR server. */
export type FhirPath =
  | { readonly kind: 'read'; readonly url: string; readonly type: string; readonly id: string }
  | { readonly kind: 'search'; readonly url: string };

/** `Type/id`, nothing after it: an id with `?` or `/` in it must not become another request. */
const read = /^([A-Z][A-Za-z]{1,63})\/([A-Za-z0-9\-.]{1,64})$/;
const search = /^[A-Z][A-Za-z]{1,63}\?[\x21\x24-\x5b\x5d-\x7e]*$/;

const withoutSlash = (base: string): string => base.replace(/\/+$/, '');

const hasUser = ({ username, password }: URL): boolean => username !== '' || password !== '';

/** A base that paths may be put behind: no user information, query or fragment. */
function isPlainBase(server: string): boolean {
  return URL.canParse(server) && !/[?#\s\\]/.test(server) && !hasUser(new URL(server));
}

/** Whether `url` is the FHIR base `server` or lies below it. */
export function isBelow(url: string, server: string): boolean {
  if (!URL.canParse(url) || !URL.canParse(server)) return false;
  const [at, base] = [new URL(url), new URL(server)];
  if (hasUser(at)) return false;
  const path = withoutSlash(base.pathname);
  return at.origin === base.origin && (at.pathname === path || at.pathname.startsWith(`${path}/`));
}

/**
 * The absolute address of a relative read (`Patient/1`), a relative search (`ImagingStudy?patient=1`) or an absolute
 * link below `server`. What else a resource id or a search value might smuggle in (`../`, a second `?`, `#`, blanks)
 * is refused; values within a query must come percent-encoded.
 *
 * @throws ServiceError INVALID_REQUEST, or FHIR_SERVER_NOT_ALLOWED for an absolute address elsewhere or a base that is not
 *   a plain URL
 * @see FHIR R4 §2.1.0.0.1 (id), §http
 */
export function checkPath(path: string, server: string): FhirPath {
  if (!isPlainBase(server)) throw new ServiceError('FHIR_SERVER_NOT_ALLOWED');
  const reading = read.exec(path);
  if (reading !== null) {
    const [, type, id] = reading as unknown as [string, string, string];
    if (id !== '.' && id !== '..') return { kind: 'read', url: `${withoutSlash(server)}/${path}`, type, id };
  }
  if (search.test(path) && path.indexOf('?') === path.lastIndexOf('?')) {
    return { kind: 'search', url: `${withoutSlash(server)}/${path}` };
  }
  if (/^https?:\/\//i.test(path)) {
    if (!isBelow(path, server)) throw new ServiceError('FHIR_SERVER_NOT_ALLOWED');
    const { pathname, search: query } = new URL(path);
    const below = read.exec(pathname.slice(withoutSlash(new URL(server).pathname).length + 1));
    return below === null || query !== ''
      ? { kind: 'search', url: path }
      : { kind: 'read', url: path, type: below[1] as string, id: below[2] as string };
  }
  throw new ServiceError('INVALID_REQUEST', { detail: 'A FHIR request is neither a read nor a search.' });
}
