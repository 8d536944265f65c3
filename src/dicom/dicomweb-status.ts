import { ServiceError } from '#core/error';
import type { OutboundResponse } from '#core/outbound';
import { retryAfterSeconds } from '#core/retry-after';

/** Seconds to wait when a busy server does not say. */
const usualWait = 5;

/** Frees the connection of an answer whose body is not wanted. */
export async function letGo(response: OutboundResponse): Promise<void> {
  await response.body[Symbol.asyncIterator]().return?.();
}

/**
 * Returns when the status is one of `fine`.
 *
 * @throws ServiceError DICOMWEB_BUSY, DICOMWEB_UNAUTHORIZED, DICOMWEB_NOT_FOUND, DICOMWEB_TRUNCATED (206: the server
 *   left instances out), DICOMWEB_UNAVAILABLE
 * @see DICOM PS3.18 §8.5; SMART Imaging Access (503 with Retry-After)
 */
export async function checkStatus(response: OutboundResponse, fine: readonly number[]): Promise<void> {
  const { status } = response;
  if (fine.includes(status)) return;
  await letGo(response);
  const detail = `It answered with status ${status}.`;
  switch (status) {
    case 202:
    case 429:
    case 503:
      throw new ServiceError('DICOMWEB_BUSY', {
        detail,
        retryAfter: Math.max(1, retryAfterSeconds(response.headers['retry-after'], Date.now()) ?? usualWait),
      });
    case 401:
    case 403:
      throw new ServiceError('DICOMWEB_UNAUTHORIZED', { detail });
    case 404:
    case 410:
      throw new ServiceError('DICOMWEB_NOT_FOUND', { detail });
    case 206:
      throw new ServiceError('DICOMWEB_TRUNCATED', { detail });
    default:
      throw new ServiceError('DICOMWEB_UNAVAILABLE', { detail });
  }
}

/** A failure of the outbound port in the words of DICOMweb. While a body is read, unreachable means broken off. */
export function codedTransfer(error: unknown, during: 'head' | 'body'): unknown {
  if (!(error instanceof ServiceError)) return error;
  switch (error.code) {
    case 'OUTBOUND_TIMEOUT':
      return new ServiceError('DICOMWEB_TIMEOUT', { cause: error });
    case 'OUTBOUND_TOO_LARGE':
      return new ServiceError('DICOMWEB_TOO_LARGE', { cause: error });
    case 'OUTBOUND_UNREACHABLE':
      return during === 'body' ? new ServiceError('DICOMWEB_TRUNCATED', { cause: error }) : error;
    default:
      return error;
  }
}
