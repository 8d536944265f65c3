import { asServiceError } from '#core/error';
import type { Log } from '#core/log';
import type { ModelPackage } from '#inference/package-types';
import { idOf } from './catalogue.ts';
import type { Pool } from './pool.ts';

/** Whether workers can run one model; `elsewhere`: this process runs no jobs. */
export interface ModelState {
  /** `name@version`. */
  readonly model: string;
  readonly state: 'warming' | 'ready' | 'refused' | 'elsewhere';
  readonly code?: string;
}

/** Opens every model in every thread, parity check included, while hooks are already answered. */
export function warmModels(
  models: readonly { readonly package: ModelPackage }[],
  pool: Pool | null,
  log: Log,
  isStopping: () => boolean,
) {
  const states = new Map<string, ModelState>(
    models.map((model) => [
      idOf(model.package),
      { model: idOf(model.package), state: pool === null ? 'elsewhere' : 'warming' },
    ]),
  );
  const warmOne = async (id: string): Promise<void> => {
    if (pool === null) return;
    const started = performance.now();
    try {
      const { provider, variant, skipped } = await pool.warm(id);
      for (const skip of skipped)
        log.warn({ event: 'provider-skipped', model: id, provider: skip.provider, code: skip.code });
      states.set(id, { model: id, state: 'ready' });
      log.info({
        event: 'model-ready',
        model: id,
        provider,
        variant,
        milliseconds: Math.round(performance.now() - started),
      });
    } catch (error) {
      if (isStopping()) return;
      const { code } = asServiceError(error);
      states.set(id, { model: id, state: 'refused', code });
      log.error({ event: 'model-refused', model: id, code });
    }
  };
  const done = Promise.all(models.map((model) => warmOne(idOf(model.package)))).then(() => undefined);
  return { done, stateOf: (id: string) => states.get(id) as ModelState };
}
