import { type Config, readConfig, settingsInForce } from '#config';
import { ServiceError } from '#core/error';

/**
 * The configuration, for a command. What is wrong in the file of `FOVEA_CONFIG` is told with the file's name and, where
 * it could not be read, with what the system or the JSON parser says.
 *
 * @throws ServiceError CONFIG_INVALID, naming the setting
 */
export function readConfiguration(): Config {
  try {
    return readConfig();
  } catch (error) {
    const file = settingsInForce().find(({ name }) => name === 'FOVEA_CONFIG')?.value ?? null;
    if (
      !(error instanceof ServiceError) ||
      file === null ||
      error.detail?.startsWith('FOVEA_CONFIG') !== true
    )
      throw error;
    const why = error.cause instanceof Error ? ` (${error.cause.message})` : '';
    throw new ServiceError(error.code, { detail: `${error.detail} The file: ${file}${why}.`, cause: error });
  }
}
