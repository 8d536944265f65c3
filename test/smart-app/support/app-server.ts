import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { toErrorReply } from '#cds/operation-outcome';
import type {
  AppAnswer,
  AppAnswerReasons,
  AppAnswerRequest,
  AppChart,
  AppContext,
  AppEvidence,
  AppPrevalenceView,
  AppStudy,
  AppWorklist,
} from '#core/app';
import { type ErrorCode, ServiceError } from '#core/error';
import { elevated, viewAt } from './records.ts';

const built = path.resolve(import.meta.dirname, '../../../dist/smart-app');

/** One launch as a test wants it; what is absent answers NOT_FOUND. */
export interface LaunchState {
  context: AppContext;
  chart?: AppChart;
  evidence?: Readonly<Record<string, AppEvidence>>;
  worklist?: AppWorklist;
  reasons?: AppAnswerReasons;
  prevalence?: (value: number) => AppPrevalenceView;
  /** Answers every call below this path (`''`: each) with a code of the service instead. */
  refuse?: { readonly below: string; readonly code: ErrorCode; times?: number };
  /** Milliseconds before a call below this path is answered. */
  slow?: { readonly below: string; readonly milliseconds: number };
}

/** The page and its interface with the built files and the real Content-Security-Policy; the parts behind it are data. */
export interface AppServer {
  readonly base: string;
  readonly launches: Map<string, LaunchState>;
  /** Calls that came, `POST answers` with their bodies. */
  readonly calls: { readonly method: string; readonly path: string; readonly body: unknown }[];
  /** Sends a study to everybody who listens to the launch. */
  send(launch: string, study: AppStudy): void;
  close(): Promise<void>;
}

export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

export async function startAppServer(): Promise<AppServer> {
  const launches = new Map<string, LaunchState>();
  const calls: AppServer['calls'] = [];
  const listeners = new Map<string, Set<ServerResponse>>();
  const taken = new Map<string, AppAnswer>();

  const answerOf = (state: LaunchState, assessment: string, asked: AppAnswerRequest): AppAnswer => {
    const known = taken.get(asked.key);
    if (known !== undefined) return known;
    const reason = state.reasons?.find(({ code }) => code === asked.reason) ?? null;
    const answer: AppAnswer = {
      id: randomUUID(),
      kind: asked.kind,
      finding: asked.finding,
      reason,
      outcome: asked.outcome,
      comment: asked.comment,
      by: state.context.user,
      at: '2026-11-27T21:30:00Z',
      replaces: state.evidence?.[assessment]?.answers.at(-1)?.id ?? null,
    };
    taken.set(asked.key, answer);
    return answer;
  };

  const api = async (request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> => {
    const [, id = '', rest = ''] = /^\/api\/launches\/([^/]+)\/?(.*)$/.exec(url.pathname) ?? [];
    const body = await bodyOf(request);
    calls.push({ method: request.method ?? '', path: rest, body });
    const state = launches.get(id);
    if (state === undefined) throw new ServiceError('NOT_FOUND');
    if (state.slow !== undefined && rest.startsWith(state.slow.below))
      await new Promise((resolve) => setTimeout(resolve, state.slow?.milliseconds));
    const { refuse } = state;
    if (refuse !== undefined && rest.startsWith(refuse.below) && (refuse.times ?? 1) > 0) {
      if (refuse.times !== undefined) refuse.times -= 1;
      throw new ServiceError(refuse.code, refuse.times !== undefined ? { retryAfter: 0 } : {});
    }
    if (request.method !== 'GET' && request.headers['x-fovea-app'] !== '1')
      throw new ServiceError('CLIENT_FORBIDDEN');
    const assessment = decodeURIComponent(/^assessments\/([^/]+)/.exec(rest)?.[1] ?? '');
    if (rest === 'chart/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write(': here\n\n');
      const group = listeners.get(id) ?? new Set();
      listeners.set(id, group.add(response));
      response.on('close', () => group.delete(response));
      return;
    }
    const found =
      rest === ''
        ? request.method === 'DELETE'
          ? null
          : state.context
        : rest === 'chart'
          ? state.chart
          : rest === 'worklist'
            ? state.worklist
            : rest === 'answer-reasons'
              ? state.reasons
              : rest === 'open'
                ? { location: '../../../app/l/chart/' }
                : rest.endsWith('/answers')
                  ? answerOf(state, assessment, body as AppAnswerRequest)
                  : rest.endsWith('/prevalence')
                    ? (state.prevalence ?? shared)(Number(url.searchParams.get('value')))
                    : state.evidence?.[assessment];
    if (found === undefined) throw new ServiceError('NOT_FOUND');
    if (found === null) {
      launches.delete(id);
      response.writeHead(204).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(found));
  };

  const file = async (response: ServerResponse, pathname: string): Promise<void> => {
    const asset = /^\/app\/(assets\/[\w.-]+)$/.exec(pathname)?.[1];
    const name =
      asset ?? (/^\/app\/l\/[^/]+\/$/.test(pathname) || pathname === '/app/none/' ? 'index.html' : null);
    if (name === null) throw new ServiceError('NOT_FOUND');
    let text: string | Buffer = await readFile(path.join(built, name));
    // A page of another depth than a launch's, as a test of the page without a launch needs it.
    if (pathname === '/app/none/') text = text.toString().replaceAll('../../assets', '../assets');
    response.writeHead(200, {
      'content-type': types[path.extname(name)] ?? 'application/octet-stream',
      'content-security-policy': contentSecurityPolicy,
      'x-content-type-options': 'nosniff',
    });
    response.end(text);
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://app');
    const answered = url.pathname.startsWith('/api/')
      ? api(request, response, url)
      : file(response, url.pathname);
    answered.catch((error: unknown) => {
      const { status, headers, body } = toErrorReply(error, 'urn:fovea:codes');
      response.writeHead(status, { ...headers, 'content-type': 'application/fhir+json' });
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    launches,
    calls,
    send: (launch, study) => {
      for (const response of listeners.get(launch) ?? [])
        response.write(`event: study\ndata: ${JSON.stringify({ study })}\n\n`);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const shared = (value: number): AppPrevalenceView =>
  viewAt(elevated.calibrated, elevated.interval, value, 'asked');

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? null : JSON.parse(text);
}
