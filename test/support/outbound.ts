import { afterEach, expect } from 'vitest';
import type { OutboundRequest, OutboundResponse } from '#core/outbound';
import { type Fault, type FaultServer, startFaultServer } from './fault-server.ts';

/** Starts a server that is closed after the test. */
export async function start(
  faults: Record<string, Fault>,
  tls?: { key: string; cert: string },
): Promise<FaultServer> {
  const server = await startFaultServer(faults, tls);
  running.push(server);
  return server;
}

const running: FaultServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

export const listed = (...bases: string[]) => bases.map((base) => ({ base, addresses: ['127.0.0.0/8'] }));

/** A request whose own origin is on the list. */
export const request = (url: string, more: Partial<OutboundRequest> = {}): OutboundRequest => ({
  url,
  allowed: listed(new URL(url).origin),
  timeoutMs: 5_000,
  idleTimeoutMs: 2_000,
  maxBytes: 1 << 20,
  ...more,
});

export async function text(response: OutboundResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

export const coded = (code: string) => expect.objectContaining({ name: 'ServiceError', code });
