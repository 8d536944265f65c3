import { monitorEventLoopDelay } from 'node:perf_hooks';
import fastify from 'fastify';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { createAssessments } from '#store/assessments';
import { openDatabase } from '#store/database';
import { migrate } from '#store/migrate';
import { filledStudy, fillStore } from '../support/fill-store.ts';

/** What a bare route does besides answering. */
export interface BareRoute {
  /** Body of every answer, JSON. */
  readonly answer: string;
  /** Makes the store read of a hook before it answers: one study, one model, one viewer. */
  readonly storeFolder: string | null;
  /** Verifies the client JWT with jose before it answers. */
  readonly token: { readonly jwks: object; readonly issuer: string; readonly audience: string } | null;
}

/**
 * The physical path of a hook: one Fastify route without anything of Fovea but, where asked for, its store. Any later
 * message asks for the longest turn of its event loop since the last one, milliseconds.
 */
process.once('message', async (route: BareRoute) => {
  const read = route.storeFolder === null ? null : await createRead(route.storeFolder);
  const verify = route.token === null ? null : createVerify(route.token);
  const app = fastify({ bodyLimit: 8 * 2 ** 20 });
  app.post('/', async (request, reply) => {
    if (verify !== null) await verify(request.headers.authorization ?? '');
    if (read !== null) await read();
    return reply.type('application/json; charset=utf-8').send(route.answer);
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as { port: number };
  // As prom-client measures it in Fovea.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  process.on('message', () => {
    process.send?.({ stallMs: delay.max / 1e6 });
    delay.reset();
  });
  process.send?.({ url: `http://127.0.0.1:${port}/` });
});
process.once('disconnect', () => process.exit());

async function createRead(folder: string): Promise<() => Promise<unknown>> {
  const database = await openDatabase({ folder });
  await migrate(database);
  await fillStore(database, 1);
  const assessments = createAssessments(database);
  const ask = [{ ...filledStudy(0), viewer: { userKey: '0'.repeat(32), studyKey: '0'.repeat(32) } }];
  return () => assessments.ask(ask);
}

function createVerify({
  jwks,
  issuer,
  audience,
}: NonNullable<BareRoute['token']>): (header: string) => Promise<unknown> {
  const keys = createLocalJWKSet(jwks as Parameters<typeof createLocalJWKSet>[0]);
  return (header) =>
    jwtVerify(header.replace(/^Bearer /, ''), keys, { issuer, audience, algorithms: ['ES384'] });
}
