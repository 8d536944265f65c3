import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * The cookie that names a browser to the app: 32 random bytes, which are also what its launches are sealed under. It is
 * sent in the frames of other sites' pages, kept apart for each of those sites.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6265 §4.1, CHIPS
 */
export interface BrowserCookie {
  readonly name: string;
  readonly attributes: {
    readonly path: '/';
    readonly httpOnly: true;
    readonly secure: boolean;
    readonly sameSite: 'none' | 'lax';
    readonly partitioned: boolean;
  };
}

/** Hosts whose pages Chromium and Firefox let set `Secure` cookies over plain http. */
const ownMachine = /^(localhost|127\.[\d.]+|\[::1\])$/;

/**
 * Over https the cookie is `__Host-fovea`. Over plain http it is one for development, whose name says so: on this
 * machine with the same attributes, so that the app works in a frame as it will; elsewhere without what needs https, so
 * that it works in a window of its own and in no frame.
 *
 * @param base public address of this Fovea
 */
export function browserCookie(base: string): BrowserCookie {
  const { protocol, hostname } = new URL(base);
  const isSecure = protocol === 'https:' || ownMachine.test(hostname);
  return {
    name: protocol === 'https:' ? '__Host-fovea' : 'fovea-development',
    attributes: {
      path: '/',
      httpOnly: true,
      secure: isSecure,
      sameSite: isSecure ? 'none' : 'lax',
      partitioned: isSecure,
    },
  };
}

/** The secret of the browser that asks; null where it sends none, or one that was not made here. */
export function browserOf(request: FastifyRequest, { name }: BrowserCookie): string | null {
  const value = request.cookies[name];
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : null;
}

/** The secret of the browser that asks, made and set where it has none. */
export function nameBrowser(request: FastifyRequest, reply: FastifyReply, cookie: BrowserCookie): string {
  const known = browserOf(request, cookie);
  if (known !== null) return known;
  const made = randomBytes(32).toString('base64url');
  reply.setCookie(cookie.name, made, cookie.attributes);
  return made;
}
