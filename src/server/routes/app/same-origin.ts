import type { FastifyRequest } from 'fastify';
import { ServiceError } from '#core/error';

/**
 * Refuses what another site's page could make a browser send: a write without the app's own header, which no form can
 * carry, and any call that the browser says comes from elsewhere.
 *
 * @param base public address of this Fovea
 * @throws ServiceError CLIENT_FORBIDDEN
 * @see https://www.w3.org/TR/fetch-metadata/
 */
export function refuseForeignPages({ method, headers }: FastifyRequest, base: string): void {
  const isWrite = method !== 'GET' && method !== 'HEAD';
  const site = headers['sec-fetch-site'];
  // `none`: somebody typed the address.
  const isOwn = site === 'same-origin' || (site === 'none' && !isWrite);
  if (site !== undefined && !isOwn) throw refused();
  if (!isWrite) return;
  if (headers['x-fovea-app'] !== '1') throw refused();
  // Browsers say either; where they say neither it is no page that calls.
  const { origin } = headers;
  if (site === undefined && origin !== undefined && origin !== new URL(base).origin) throw refused();
}

function refused(): ServiceError {
  return new ServiceError('CLIENT_FORBIDDEN', { detail: 'Only pages of the app itself call it.' });
}
