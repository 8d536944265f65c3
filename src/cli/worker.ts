import { compose } from '#compose';
import { ServiceError } from '#core/error';
import { readConfiguration } from './configuration.ts';
import { runUntilSignal } from './run-until-signal.ts';
import { announce } from './terminal.ts';

/** `fovea worker` */
export async function worker(): Promise<number> {
  const config = readConfiguration();
  if (config.databaseUrl === null) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'fovea worker needs DATABASE_URL: the embedded database has one owner.',
    });
  }
  if (config.tenants.length === 0) {
    throw new ServiceError('CONFIG_INVALID', {
      detail: 'FOVEA_CONFIG names no tenant: the worker could fetch for nobody.',
    });
  }
  if (config.workers === 0)
    throw new ServiceError('CONFIG_INVALID', { detail: 'FOVEA_WORKERS must be 1 or more for a worker.' });
  return runUntilSignal(async () => {
    const fovea = await compose(config);
    await fovea.ready;
    announce(`Fovea works with ${config.workers} threads`);
    return fovea;
  });
}
