import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { InjectOptions } from 'fastify';
import type { AppStudy } from '#core/app';
import type { AppTools, AuthorizationRequest, SmartClient } from '#core/app-ports';
import { ServiceError } from '#core/error';
import { type TestApp, testApp } from './app.ts';
import { type LaunchBench, openLaunches } from './smart-launches.ts';

/** The service with the app's real routes and launches; behind the app's tools are the answers of a test. */
export interface SmartRoutes extends TestApp {
  readonly bench: LaunchBench;
  /** A test may put other answers in. */
  readonly tools: AppTools;
  close(): Promise<void>;
}

/** Of what the app is built to, for the tests of its routes. */
export const builtApp = {
  index: '<!doctype html><title>Fovea</title><script type="module" src="../../assets/main-1.js"></script>',
  script: 'export {};',
} as const;

export const base = 'http://localhost:3000';

export async function openSmartRoutes(
  more: { readonly base?: string; readonly heartbeatMs?: number } = {},
): Promise<SmartRoutes> {
  const bench = await openLaunches();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-smart-app-'));
  mkdirSync(path.join(folder, 'assets'));
  writeFileSync(path.join(folder, 'index.html'), builtApp.index);
  writeFileSync(path.join(folder, 'assets', 'main-1.js'), builtApp.script);
  const tools = toolsOf();
  const served = await testApp({
    smart: {
      launches: bench.launches,
      tools,
      jwks: () => ({ keys: [{ kty: 'EC', kid: 'k1' }] }),
      registrations: [bench.registration],
      base: () => more.base ?? base,
      folder,
      heartbeatMs: more.heartbeatMs ?? 50,
    },
  });
  return {
    ...served,
    bench,
    tools,
    async close() {
      await served.app.close();
      await bench.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A browser as far as the app's routes see one: it keeps the app's cookie. */
export interface TestBrowser {
  readonly cookies: Map<string, string>;
  ask(request: InjectOptions | string): Promise<Awaited<ReturnType<TestApp['app']['inject']>>>;
  /** The app's own write. */
  post(url: string, payload: object): Promise<Awaited<ReturnType<TestApp['app']['inject']>>>;
  /** The logout. @param api address of the launch's interface */
  leave(api: string): Promise<Awaited<ReturnType<TestApp['app']['inject']>>>;
  /** The whole way of a launch by the routes; null: without a patient. @returns the address of its interface */
  launch(patient?: string | null): Promise<string>;
}

export function openBrowser({ app, bench }: SmartRoutes): TestBrowser {
  const cookies = new Map<string, string>();
  const ask: TestBrowser['ask'] = async (request) => {
    const options = typeof request === 'string' ? { url: request } : request;
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await app.inject({
      ...options,
      headers: { ...options.headers, ...(cookie !== '' && { cookie }) },
    });
    for (const { name, value } of answer.cookies) cookies.set(name, value);
    return answer;
  };
  return {
    cookies,
    ask,
    post: (url, payload) => ask({ method: 'POST', url, payload, headers: { 'x-fovea-app': '1' } }),
    leave: (api) => ask({ method: 'DELETE', url: api, headers: { 'x-fovea-app': '1' } }),
    async launch(patient: string | null = 'p1') {
      bench.context['patient'] = patient ?? undefined;
      const begun = await ask(`/app/launch?iss=${encodeURIComponent(bench.ehr.iss)}&launch=l1`);
      const authorize: AuthorizationRequest = {
        method: 'GET',
        url: String(begun.headers.location),
        parameters: {},
      };
      const query = new URLSearchParams(await bench.ehr.signIn(authorize));
      const { headers } = await ask(`/app/callback?${query}`);
      return `/api/launches/${String(headers.location).replace(/^l\/|\/$/g, '')}`;
    },
  };
}

/** The client with a grant of somebody else than a clinician. */
export function signInAs(client: SmartClient, fhirUser: string): void {
  const { finish } = client;
  Object.assign(client, {
    finish: async (...args: Parameters<SmartClient['finish']>) => ({ ...(await finish(...args)), fhirUser }),
  });
}

export const study = (key: string) => ({ key, state: 'pending' }) as unknown as AppStudy;

/** Tells for each call whose it is. */
function toolsOf(): AppTools {
  const told = async (name: string, { patientId, launch }: { patientId: string | null; launch: string }) =>
    ({ name, patientId, launch }) as never;
  return {
    prepare: () => undefined,
    context: (session) => told('context', session),
    chart: (session) => told('chart', session),
    async *changes() {
      yield study('s1');
    },
    evidence: async (_session, assessment) => {
      throw new ServiceError('NOT_FOUND', { cause: assessment });
    },
    prevalence: async (_session, _assessment, asked) => asked as never,
    answerReasons: () => [{ system: 'urn:x', code: 'known', display: 'Known' }],
    answer: async (_session, _assessment, answer) => answer as never,
    pictures: (session) => told('pictures', session),
    picture: async (_session, at) => at as never,
    frame: async (_session, { frame }) => ({
      transferSyntax: '1.2.840.10008.1.2.1',
      bytes: Uint8Array.of(frame, 2, 3),
    }),
    worklist: (session) => told('worklist', session),
    patientOf: async (_session, key) => `patient-${key}`,
  };
}
