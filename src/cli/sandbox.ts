import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { publicSandbox, sandboxTenant } from '#assessment/sandbox-tenant';
import { compose } from '#compose';
import { type Config, installFolder } from '#config';
import { ServiceError } from '#core/error';
import { readConfiguration } from './configuration.ts';
import { isLoopback } from './public-address.ts';
import { runUntilSignal, stoppedOnFailure } from './run-until-signal.ts';
import { announce } from './terminal.ts';

/** `fovea sandbox`: Fovea with an EHR to try it with, in a thread of its own. */
export async function sandbox(): Promise<number> {
  const given = readConfiguration();
  if (!isLoopback(given.host) && given.sandboxTokens !== 'required')
    throw new ServiceError('CONFIG_INVALID', {
      detail:
        'HOST is not loopback: the sandbox would answer everybody without a token. Set FOVEA_SANDBOX_TOKENS=required.',
    });
  const port = given.port === 0 ? await freePort(given.host) : given.port;
  const base = given.publicUrl ?? `http://localhost:${port}`;
  const config: Config = {
    ...given,
    port,
    publicUrl: base,
    tenants: [sandboxTenant(base), ...given.tenants],
    corsOrigins: [...new Set([publicSandbox, ...given.corsOrigins])],
  };
  return runUntilSignal(async () => {
    const started = performance.now();
    // Whichever fails, the other is waited for and stopped.
    const [fovea, ehr] = await Promise.allSettled([
      compose(config, { sandbox: true }),
      startEhr(base, config.sandboxTokens),
    ]);
    const both = {
      async stop() {
        if (fovea.status === 'fulfilled') await fovea.value.stop();
        if (ehr.status === 'fulfilled') await ehr.value.stop();
      },
    };
    return stoppedOnFailure(both, async () => {
      if (fovea.status === 'rejected') throw fovea.reason;
      if (ehr.status === 'rejected') throw ehr.reason;
      fovea.value.sandboxAt(`http://127.0.0.1:${ehr.value.port}`);
      await fovea.value.listen();
      announce(welcome(base, (performance.now() - started) / 1000));
      return both;
    });
  });
}

async function startEhr(
  base: string,
  tokens: Config['sandboxTokens'],
): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const thread = new Worker(path.join(installFolder(), 'dist', 'sandbox', 'thread.js'), {
    workerData: {
      publicBase: base,
      foveaBase: base,
      dataFolder: path.join(installFolder(), 'sandbox', 'data'),
      tokens,
    },
  });
  const first = await Promise.race([
    once(thread, 'message').then(([message]) => message as { port: number }),
    once(thread, 'exit').then(() => null),
  ]).catch((cause) => {
    throw new ServiceError('INTERNAL', { detail: 'The sandbox did not start.', cause });
  });
  if (first === null) throw new ServiceError('INTERNAL', { detail: 'The sandbox did not start.' });
  // Its first FHIR search loads the definitions; nobody's first click should wait for that.
  await fetch(`http://127.0.0.1:${first.port}/sandbox/fhir/Patient?_count=1`).catch(() => undefined);
  return {
    port: first.port,
    async stop() {
      await thread.terminate();
    },
  };
}

async function freePort(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function welcome(base: string, seconds: number): string {
  return `
Fovea and its sandbox EHR are ready (${seconds.toFixed(1)} s).

  Open   ${base}/sandbox/
  Click  a patient on the left: the chart opens, the EHR calls Fovea, its cards appear.

  The same by hand:
    curl -s ${base}/cds-services
    curl -s ${base}/cds-services/imaging-assessment -H 'content-type: application/json' \\
      -d '{"hook":"patient-view","hookInstance":"d1577c69-dfbe-44ad-ba6d-3e05e953b2ea","fhirServer":"${base}/sandbox/fhir","context":{"userId":"Practitioner/demo","patientId":"elevated"}}'
    curl -s ${base}/sandbox/fhir/Patient | grep -o '"id":"[^"]*"'

  All pictures are generated and nobody’s. Ctrl-C ends it.
`;
}
