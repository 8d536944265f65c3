import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { toErrorReply } from '#cds/operation-outcome';
import { ServiceError } from '#core/error';
import { codeSystems } from '#core/identifiers';

/**
 * Answers what never becomes a request (no HTTP, headers that are too large, a request that does not arrive in time)
 * as every other failure is answered, and closes the connection. To be registered as Fastify's `clientErrorHandler`.
 * Nothing of the bytes that came is repeated.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (!socket.writable || isAnswering(socket)) {
    socket.destroy(error);
    return;
  }
  const { status, body } = toErrorReply(failureOf(error.code), codeSystems.reason);
  const text = JSON.stringify(body);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/fhir+json; charset=utf-8',
    'x-content-type-options: nosniff',
    `content-length: ${Buffer.byteLength(text)}`,
    'connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy());
}

function failureOf(code: string | undefined): ServiceError {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError('INVALID_REQUEST', { status: 431, detail: 'Its header fields are too large.' });
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError('INVALID_REQUEST', { status: 408, detail: 'It did not arrive in time.' });
    default:
      return new ServiceError('INVALID_REQUEST', { detail: 'It is not HTTP.' });
  }
}

/** Whether the head of an answer is on its way already, which a second one would garble: Node looks at the same place. */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as {
    readonly _httpMessage?: { readonly headersSent: boolean } | null;
  };
  return answer?.headersSent === true;
}
