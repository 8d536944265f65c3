import path from 'node:path';
import fastifyCookie from '@fastify/cookie';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { appApi } from './api.ts';
import { browserCookie } from './browser.ts';
import { assetHeaders } from './headers.ts';
import type { SmartAppOptions } from './options.ts';
import { appPages } from './pages.ts';

/** How long EHRs may keep the public keys, seconds. @see SMART App Launch 2.2 §Client Authentication: Asymmetric */
const keySeconds = 300;

/** The SMART app: its pages, its files, its interface and its public keys. */
export async function smartApp(app: FastifyInstance, options: SmartAppOptions): Promise<void> {
  const { jwks, folder, base, log } = options;
  if (browserCookie(base()).name !== '__Host-fovea') log.warn({ event: 'app-cookie-for-development' });
  await app.register(fastifyCookie);
  appPages(app, options);
  await app.register(async (api) => appApi(api, options), { prefix: '/api/launches/:launch' });
  await app.register(fastifyStatic, {
    root: path.join(folder, 'assets'),
    prefix: '/app/assets/',
    index: false,
    decorateReply: false,
    immutable: true,
    maxAge: '365d',
    setHeaders: (reply) => {
      for (const [name, value] of Object.entries(assetHeaders)) reply.header(name, value);
    },
  });
  app.get('/.well-known/jwks.json', (_request, reply) =>
    reply
      .headers({
        'content-type': 'application/json; charset=utf-8',
        'cache-control': `public, max-age=${keySeconds}`,
        'access-control-allow-origin': '*',
      })
      .send(jwks()),
  );
}
