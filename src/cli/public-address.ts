import { isIPv4 } from 'node:net';
import type { Config } from '#config';

/**
 * Why no token of a caller could be taken, or null: without FOVEA_PUBLIC_URL the `aud` of a client JWT has to name
 * `http://localhost:PORT`, which no caller on another machine calls.
 */
export function publicAddressProblem({ publicUrl, host }: Pick<Config, 'publicUrl' | 'host'>): string | null {
  if (publicUrl !== null || isLoopback(host)) return null;
  return 'HOST is not loopback and FOVEA_PUBLIC_URL is absent: every client JWT would be refused. Set FOVEA_PUBLIC_URL to the address that callers use and that `aud` of their tokens names, without /cds-services.';
}

/** Whether only this machine can call: then callers know Fovea as http://localhost:PORT. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
