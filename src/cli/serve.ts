import { compose } from '#compose';
import { ServiceError } from '#core/error';
import { readConfiguration } from './configuration.ts';
import { publicAddressProblem } from './public-address.ts';
import { runUntilSignal, stoppedOnFailure } from './run-until-signal.ts';
import { announce } from './terminal.ts';

/** `fovea serve` */
export async function serve(): Promise<number> {
  const config = readConfiguration();
  if (config.tenants.length === 0) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_CONFIG names no tenant: nobody may call. examples/config.json shows one.',
    });
  }
  const problem = publicAddressProblem(config);
  if (problem !== null) throw new ServiceError('CONFIG_INVALID', { detail: problem });
  return runUntilSignal(async () => {
    const fovea = await compose(config);
    const address = await stoppedOnFailure(fovea, () => fovea.listen());
    announce(`Fovea answers at ${address}/cds-services`);
    return fovea;
  });
}
