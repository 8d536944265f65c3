import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import Fastify from 'fastify';
import { type SandboxOptions, sandboxPlugin } from './plugin.ts';

/**
 * Entry of the thread that the sandbox runs in, apart from Fovea's own: a server of its own on a free loopback port.
 * `workerData`: {@link SandboxOptions}; `chartFolder` may be left out (the build that lies beside this file).
 * Posts `{ port }` to the parent when it listens. Any message from the parent closes it, and `{ closed: true }` comes back.
 */
const options = workerData as Omit<SandboxOptions, 'chartFolder'> & Partial<SandboxOptions>;
const app = Fastify({ trustProxy: 'loopback', forceCloseConnections: true });
await app.register(sandboxPlugin, {
  prefix: '/sandbox',
  ...options,
  chartFolder: options.chartFolder ?? path.join(import.meta.dirname, 'chart'),
});
await app.listen({ host: '127.0.0.1', port: 0 });
parentPort?.once('message', async () => {
  await app.close();
  parentPort?.postMessage({ closed: true });
});
parentPort?.postMessage({ port: (app.server.address() as { port: number }).port });
