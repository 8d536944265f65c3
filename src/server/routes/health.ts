import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { refuseOtherMethods } from '#cds/methods';

/** Whether hooks can be answered, and what the models are doing. */
export interface Readiness {
  readonly ready: boolean;
  readonly store: 'ok' | 'unavailable';
  /** `name@version` and whether workers can run it; `elsewhere`: this process runs no jobs. */
  readonly models: readonly {
    readonly model: string;
    readonly state: 'warming' | 'ready' | 'refused' | 'elsewhere';
    readonly code?: string;
  }[];
}

/** `/healthz` (the process lives), `/readyz` (hooks are answered from the store) and `/metrics` (Prometheus). */
export function healthRoutes(
  app: FastifyInstance,
  readiness: () => Promise<Readiness>,
  metrics: Registry,
): void {
  for (const url of ['/healthz', '/readyz', '/metrics']) refuseOtherMethods(app, url, 'get');
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const state = await readiness();
    return reply
      .status(state.ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send(state);
  });
  app.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.contentType).send(await metrics.metrics()),
  );
}
