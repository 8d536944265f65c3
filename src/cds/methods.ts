import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from '#core/error';

/**
 * Answers the methods that the address `url` does not take with METHOD_NOT_ALLOWED (405) and `Allow`, before a body is
 * read. `get`: GET and HEAD are taken; `post`: POST alone. OPTIONS stays free for CORS.
 */
export function refuseOtherMethods(scope: FastifyInstance, url: string, taken: 'get' | 'post'): void {
  const others = ['PUT', 'PATCH', 'DELETE'];
  const { method, allow } =
    taken === 'get'
      ? { method: ['POST', ...others], allow: 'GET, HEAD' }
      : { method: ['GET', ...others], allow: 'POST' };
  const refuse = (_request: FastifyRequest, reply: FastifyReply) => {
    reply.header('allow', allow);
    throw new ServiceError('METHOD_NOT_ALLOWED');
  };
  scope.route({ method, url, onRequest: refuse, handler: refuse });
}
