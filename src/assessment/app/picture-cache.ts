/** What is fetched once and cut up many times. */
export interface Sized {
  readonly bytes: number;
}

export interface ByteCache<Value extends Sized> {
  /**
   * The value of `key`: at hand, on its way for somebody else, or made now. What is made is given up only when everybody
   * who waits for it has gone.
   *
   * @param owner whose share of the memory it counts against
   */
  get(
    owner: string,
    key: string,
    make: (signal: AbortSignal) => Promise<Value>,
    signal: AbortSignal,
  ): Promise<Value>;
}

interface Limits {
  /** Bytes of one owner, and of all. The newest value is always kept, however large. */
  readonly ownerBytes: number;
  readonly totalBytes: number;
  /** Values that are made at the same time; others wait. */
  readonly atOnce: number;
}

interface Flight<Value> {
  readonly promise: Promise<Value>;
  readonly stop: AbortController;
  waiting: number;
}

/** A cache that is bounded by bytes, for each owner and in all; what was used longest ago goes first. */
export function createByteCache<Value extends Sized>(limits: Limits): ByteCache<Value> {
  const held = new Map<string, { readonly owner: string; readonly value: Value }>();
  const flights = new Map<string, Flight<Value>>();
  const inTurn = createTurns(limits.atOnce);

  const makeRoom = (newest: string, owner: string): void => {
    let own = 0;
    let total = 0;
    for (const one of held.values()) {
      total += one.value.bytes;
      if (one.owner === owner) own += one.value.bytes;
    }
    for (const [key, one] of held) {
      if (own <= limits.ownerBytes && total <= limits.totalBytes) return;
      if (key === newest || (total <= limits.totalBytes && one.owner !== owner)) continue;
      held.delete(key);
      total -= one.value.bytes;
      if (one.owner === owner) own -= one.value.bytes;
    }
  };

  const start = (
    owner: string,
    key: string,
    make: (signal: AbortSignal) => Promise<Value>,
  ): Flight<Value> => {
    const stop = new AbortController();
    const promise = inTurn(() => {
      stop.signal.throwIfAborted();
      return make(stop.signal);
    });
    const flight = { promise, stop, waiting: 0 };
    const landed = (): void => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    promise.then(
      (value) => {
        landed();
        held.set(key, { owner, value });
        makeRoom(key, owner);
      },
      () => landed(),
    );
    flights.set(key, flight);
    return flight;
  };

  return {
    async get(owner, key, make, signal) {
      const known = held.get(key);
      if (known !== undefined) {
        held.delete(key);
        held.set(key, known);
        return known.value;
      }
      signal.throwIfAborted();
      const flight = flights.get(key) ?? start(owner, key, make);
      flight.waiting += 1;
      let leave: () => void = () => undefined;
      const gone = new Promise<never>((_resolve, reject) => {
        leave = () => reject(signal.reason);
        signal.addEventListener('abort', leave, { once: true });
      });
      try {
        return await Promise.race([flight.promise, gone]);
      } finally {
        signal.removeEventListener('abort', leave);
        flight.waiting -= 1;
        if (flight.waiting === 0 && flights.get(key) === flight) {
          flights.delete(key);
          flight.stop.abort();
        }
      }
    },
  };
}

/** Runs at most `most` at the same time, the others in the order in which they came. */
function createTurns(most: number): <Value>(run: () => Promise<Value>) => Promise<Value> {
  const queue: (() => void)[] = [];
  let running = 0;
  return async (run) => {
    if (running >= most) await new Promise<void>((resolve) => queue.push(resolve));
    running += 1;
    try {
      return await run();
    } finally {
      running -= 1;
      queue.shift()?.();
    }
  };
}
