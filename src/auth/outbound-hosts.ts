import { ServiceError } from '#core/error';
import type { ImagingEndpoint } from '#core/imaging';
import type { AllowedOrigin } from '#core/tenant';

/** A URL that may be asked, with the entry of the tenant's list that says so. */
export interface AllowedUrl {
  readonly url: URL;
  readonly entry: AllowedOrigin;
}

/** What a URL parser would repair in silence: control characters, blanks, backslashes. Another parser may differ. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const repaired = /[\u0000-\u0020\u007f\\]/;

/** Deepest percent-encoding that is undone to look for a hidden `..`; what is deeper is refused. */
const deepestEncoding = 4;

/** A segment that some server may read as a way up or as two segments: `..`, `%2e%2e`, `..;x`, `a%2fb`, `%252e…`. */
function isDisguised(segment: string): boolean {
  let text = segment;
  for (let depth = 0; depth < deepestEncoding; depth++) {
    if (/^\.{1,2}(?:;|$)/.test(text) || /[/\\]/.test(text) || text.includes('\0')) return true;
    if (!text.includes('%')) return false;
    try {
      text = decodeURIComponent(text);
    } catch (error) {
      // Not percent-encoding: servers differ in what they make of it.
      return error instanceof URIError;
    }
  }
  return text.includes('%');
}

function parseUrl(text: string): URL | null {
  if (repaired.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null;
  if (url.username !== '' || url.password !== '' || /^[a-z]+:\/\/[^/?#]*@/i.test(text)) return null;
  // The parser takes `..` out of the path. A path that had one was not written by an honest party.
  const written = text
    .replace(/[?#].*$/s, '')
    .split('/')
    .slice(3);
  return written.some(isDisguised) || url.pathname.split('/').some(isDisguised) ? null : url;
}

function parseBase(entry: AllowedOrigin): { readonly url: URL; readonly path: string } {
  const url = parseUrl(entry.base);
  if (url === null || url.search !== '' || url.hash !== '') {
    throw new ServiceError('CONFIG_INVALID', { detail: 'The base of an allowed origin is not a plain URL.' });
  }
  return { url, path: url.pathname.replace(/\/+$/, '') };
}

/**
 * The entry of the list that allows `text`, and the URL as it will be asked: same scheme, host and port as the
 * entry's base, and a path that is the base's or lies below it, segment by segment (`/fhir` allows neither
 * `/fhir-evil` nor `/fhir/../x`). Of several entries the one with the longest path. null when none allows it, and
 * for user information, schemes other than http and https, and dots or slashes hidden by percent-encoding.
 *
 * @throws ServiceError CONFIG_INVALID for an entry whose base is not a plain http(s) URL
 */
export function findAllowed(text: string, allowed: readonly AllowedOrigin[]): AllowedUrl | null {
  const url = parseUrl(text);
  if (url === null) return null;
  url.hash = '';
  let best: { readonly entry: AllowedOrigin; readonly length: number } | null = null;
  for (const entry of allowed) {
    const base = parseBase(entry);
    const within = url.pathname === base.path || url.pathname.startsWith(`${base.path}/`);
    if (url.origin !== base.url.origin || !within) continue;
    if (best === null || base.path.length > best.length) best = { entry, length: base.path.length };
  }
  return best === null ? null : { url, entry: best.entry };
}

/**
 * Whether a hook call's access token may go to an imaging server: its Endpoint asks for the token, the server is on
 * the tenant's list, and either the list says `sendToken` or it has the origin of the FHIR server that the token is
 * for. @see SMART Imaging Access, extension requires-access-token
 *
 * @param fhirServer base URL of the call's FHIR server, null when the call named none
 */
export function maySendToken(
  endpoint: ImagingEndpoint,
  imagingServers: readonly AllowedOrigin[],
  fhirServer: string | null,
): boolean {
  if (!endpoint.requiresAccessToken) return false;
  const found = findAllowed(endpoint.address, imagingServers);
  if (found === null) return false;
  if (found.entry.sendToken === true) return true;
  return fhirServer !== null && URL.canParse(fhirServer) && new URL(fhirServer).origin === found.url.origin;
}
