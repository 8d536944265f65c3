import { ServiceError } from '#core/error';
import type { OutboundFetch } from '#core/outbound';
import type { AllowedOrigin } from '#core/tenant';

/**
 * GET of a listed key set, parsed.
 *
 * @throws ServiceError OUTBOUND_…, HOST_NOT_ALLOWED; OUTBOUND_UNREACHABLE for another status than 200 or no JSON
 */
export async function fetchJwks(outbound: OutboundFetch, source: AllowedOrigin): Promise<unknown> {
  const answer = await outbound({
    url: source.base,
    allowed: [source],
    headers: { accept: 'application/json' },
    timeoutMs: 3_000,
    idleTimeoutMs: 3_000,
    maxBytes: 256 * 1024,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  if (answer.status !== 200)
    throw new ServiceError('OUTBOUND_UNREACHABLE', { detail: 'A key set was not delivered.' });
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new ServiceError('OUTBOUND_UNREACHABLE', { detail: 'A key set is not JSON.', cause });
  }
}
