import { isIPv4 } from 'node:net';
import { compose } from '#compose';
import { readConfig } from '#config';
import { ServiceError } from '#core/error';
import { runUntilSignal, stoppedOnFailure } from './run-until-signal.ts';
import { print } from './terminal.ts';

/** `fovea serve` */
export async function serve(): Promise<number> {
  const config = readConfig();
  if (config.tenants.length === 0) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_CONFIG names no tenant: nobody may call. examples/config.json shows one.',
    });
  }
  if (config.publicUrl === null && !isLoopback(config.host)) {
    throw new ServiceError('CONFIG_INVALID', {
      detail:
        'HOST is not loopback and FOVEA_PUBLIC_URL is absent: every client JWT would be refused. Set FOVEA_PUBLIC_URL to the address that callers use and that `aud` of their tokens names, without /cds-services.',
    });
  }
  return runUntilSignal(async () => {
    const fovea = await compose(config);
    const address = await stoppedOnFailure(fovea, () => fovea.listen());
    print(`Fovea answers at ${address}/cds-services`);
    return fovea;
  });
}

/** Whether only this machine can call: then callers know Fovea as http://localhost:PORT. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
