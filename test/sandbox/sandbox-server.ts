import path from 'node:path';
import Fastify from 'fastify';
import { type SandboxOptions, sandboxPlugin } from '#sandbox/plugin';
import { type CdsPeer, startCdsPeer } from './cds-peer.ts';
import { type StandInCases, writeStandInCases } from './stand-in-cases.ts';

/** The sandbox on a loopback port, with a CDS service at the other end and stand-in cases. */
export interface SandboxServer {
  /** Base of the plugin, without a trailing slash. */
  readonly base: string;
  readonly data: StandInCases;
  readonly peer: CdsPeer;
  close(): Promise<void>;
}

const builtChart = path.resolve(import.meta.dirname, '..', '..', 'dist', 'sandbox', 'chart');

/** @param port 0: any that is free */
export async function startSandbox(options: Partial<SandboxOptions> = {}, port = 0): Promise<SandboxServer> {
  const data = writeStandInCases();
  const peer = await startCdsPeer();
  const app = Fastify({ trustProxy: 'loopback', forceCloseConnections: true });
  await app.register(sandboxPlugin, {
    prefix: '/sandbox',
    publicBase: 'http://ehr.example',
    foveaBase: peer.base,
    dataFolder: data.folder,
    chartFolder: builtChart,
    tokens: 'optional',
    slowArchiveDelay: 200,
    ...options,
  });
  const origin = await app.listen({ host: '127.0.0.1', port });
  return {
    base: `${origin}/sandbox`,
    data,
    peer,
    async close() {
      await app.close();
      await peer.close();
      data.remove();
    },
  };
}
