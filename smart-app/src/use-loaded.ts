import { useCallback, useEffect, useState } from 'react';
import { ApiError } from './api-error.ts';

/** Something that is being loaded, is there, or did not come. */
export type Loaded<T> =
  | { readonly state: 'loading' }
  | { readonly state: 'ready'; readonly value: T }
  | { readonly state: 'failed'; readonly error: ApiError };

/**
 * Loads when it is mounted and whenever `load` changes; `again` loads once more and keeps what is there meanwhile.
 * Where nothing came for want of a connection, it loads once more when the connection is back.
 */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
): readonly [Loaded<T>, () => void, (change: (value: T) => T) => void] {
  const [held, setHeld] = useState<{ readonly of: unknown; readonly loaded: Loaded<T> }>({
    of: load,
    loaded: { state: 'loading' },
  });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` changes to load again
  useEffect(() => {
    const controller = new AbortController();
    load(controller.signal).then(
      (value) => {
        if (!controller.signal.aborted) setHeld({ of: load, loaded: { state: 'ready', value } });
      },
      (error: unknown) => {
        if (!controller.signal.aborted)
          setHeld({ of: load, loaded: { state: 'failed', error: asApiError(error) } });
      },
    );
    return () => controller.abort();
  }, [load, round]);
  // What was loaded before with another `load` is not shown as if it were this one's.
  const loaded: Loaded<T> = held.of === load ? held.loaded : { state: 'loading' };
  const again = useCallback(() => setRound((before) => before + 1), []);
  const offline = loaded.state === 'failed' && loaded.error.code === 'OFFLINE';
  useEffect(() => {
    if (!offline) return;
    addEventListener('online', again);
    return () => removeEventListener('online', again);
  }, [offline, again]);
  const change = useCallback(
    (by: (value: T) => T) =>
      setHeld((before) =>
        before.loaded.state === 'ready'
          ? { of: before.of, loaded: { state: 'ready', value: by(before.loaded.value) } }
          : before,
      ),
    [],
  );
  return [loaded, again, change];
}

/** Whatever was thrown as something that can be told. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('UNREADABLE', '', '', 0);
}
