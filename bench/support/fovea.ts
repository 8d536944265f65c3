import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { cleanEnvironment, endChild, endWithThis, freePort } from './children.ts';

/** A running Fovea with a data folder of its own. */
export interface RunningFovea {
  readonly base: string;
  readonly pid: number;
  /** Milliseconds from its start until `/readyz` answered 200. */
  readonly readyAfter: number;
  stop(): Promise<void>;
}

const cli = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js');
const longestStart = 60_000;
const longestWarming = 60_000;

/** Starts `fovea <command>` on a free port of loopback. */
export async function startFovea(
  command: 'serve' | 'sandbox',
  dataFolder: string,
  environment: Readonly<Record<string, string>>,
): Promise<RunningFovea> {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const started = performance.now();
  const child = spawn(process.execPath, [cli, command], {
    env: cleanEnvironment({
      PORT: String(port),
      FOVEA_PUBLIC_URL: base,
      FOVEA_DATA: dataFolder,
      FOVEA_LOG_LEVEL: 'silent',
      ...environment,
    }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  endWithThis(child);
  let complaint = '';
  child.on('error', (error) => {
    complaint = error.message;
  });
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + String(chunk)).slice(-2_000);
  });
  const stop = () => endChild(child, 'SIGTERM');
  while ((await readiness(base)) === null) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      throw new Error(`fovea ${command} did not start: ${complaint.trim()}`);
    if (performance.now() - started > longestStart) {
      await stop();
      throw new Error(`fovea ${command} was not ready in ${longestStart / 1000} s`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { base, pid: child.pid ?? 0, readyAfter: performance.now() - started, stop };
}

interface Readiness {
  readonly models: readonly { readonly model: string; readonly state: string; readonly code?: string }[];
}

async function readiness(base: string): Promise<Readiness | null> {
  const answer = await fetch(`${base}/readyz`).catch(() => null);
  return answer?.status === 200 ? ((await answer.json()) as Readiness) : null;
}

/** Waits until every model is warm. Rejects when one is refused or there is none: then there is nothing to measure. */
export async function modelsWarm({ base }: Pick<RunningFovea, 'base'>): Promise<void> {
  const until = performance.now() + longestWarming;
  for (;;) {
    const models = (await readiness(base))?.models ?? [];
    const refused = models.find(({ state }) => state === 'refused');
    if (refused !== undefined) throw new Error(`${refused.model} was refused: ${refused.code}`);
    if (models.length > 0 && models.every(({ state }) => state === 'ready')) return;
    if (performance.now() > until)
      throw new Error(`the models (${models.length}) were not ready in ${longestWarming / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Writes a `FOVEA_CONFIG` with the tenant of the bench; gives its path. */
export function writeConfig(
  folder: string,
  tenant: { readonly issuer: string; readonly jwks: object; readonly imagingServers: readonly string[] },
): string {
  const file = path.join(folder, 'config.json');
  const loopback = ['127.0.0.0/8'];
  writeFileSync(
    file,
    JSON.stringify({
      tenants: [
        {
          id: 'bench',
          name: 'Bench',
          clients: [{ issuer: tenant.issuer, jwksUrls: [], jwks: tenant.jwks }],
          fhirServers: [{ base: 'http://127.0.0.1:9/fhir', addresses: loopback }],
          imagingServers: tenant.imagingServers.map((base) => ({ base, addresses: loopback })),
          quietSeconds: 0,
          showLow: true,
        },
      ],
      providers: ['cpu'],
    }),
  );
  return file;
}
