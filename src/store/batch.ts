/**
 * Joins calls of one turn of the event loop, and those that come while a statement is under way, into one statement for
 * many callers: a message to the database costs more than what it asks for. A lone caller waits for nobody but the calls
 * that have arrived with it. `run` gives one result for each item, in their order; when it fails, all callers of that round fail.
 */
export function createBatcher<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
  largest = 512,
): (items: readonly Item[]) => Promise<Result[]> {
  interface Call {
    readonly items: readonly Item[];
    resolve(results: Result[]): void;
    reject(error: unknown): void;
  }
  let waiting: Call[] = [];
  let running = false;

  const take = (): Call[] => {
    let count = 0;
    const until = waiting.findIndex((call, index) => {
      count += call.items.length;
      return index > 0 && count > largest;
    });
    const taken = until === -1 ? waiting : waiting.slice(0, until);
    waiting = until === -1 ? [] : waiting.slice(until);
    return taken;
  };

  const drain = async () => {
    running = true;
    while (waiting.length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
      const calls = take();
      try {
        const results = await run(calls.flatMap((call) => call.items));
        let from = 0;
        for (const call of calls) {
          call.resolve(results.slice(from, from + call.items.length));
          from += call.items.length;
        }
      } catch (error) {
        for (const call of calls) call.reject(error);
      }
    }
    running = false;
  };

  return (items) =>
    new Promise((resolve, reject) => {
      if (items.length === 0) return resolve([]);
      waiting.push({ items, resolve, reject });
      if (!running) void drain();
    });
}
