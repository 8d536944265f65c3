import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import type { FromThread, ThreadData, ToThread } from './pglite-messages.ts';

/**
 * The thread of the embedded database: PGlite runs where it is called and would block the event loop that answers
 * hooks. One message is one statement; the caller sends the next when it has the answer.
 */
const port = parentPort;
if (port !== null) await serve(workerData as ThreadData);

async function serve({ folder, channel }: ThreadData): Promise<void> {
  const send = (message: FromThread) => port?.postMessage(message);
  const options: PGliteOptions = { dataDir: folder };
  const database = await PGlite.create(options);
  await database.listen(channel, (payload) => send({ type: 'notification', payload }));
  port?.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      database.close().then(
        () => send({ type: 'closed' }),
        () => send({ type: 'closed' }),
      );
      return;
    }
    answer(database, message.sql, message.values).then(
      (result) => send({ type: 'answer', id: message.id, ...result }),
      (error: unknown) => send({ type: 'failure', id: message.id, ...describe(error) }),
    );
  });
  send({ type: 'ready' });
}

async function answer(database: PGlite, sql: string, values: readonly unknown[]) {
  const result =
    values.length === 0 ? (await database.exec(sql)).at(-1) : await database.query(sql, [...values]);
  return {
    rows: (result?.rows ?? []) as Record<string, unknown>[],
    affected: result?.affectedRows,
  };
}

/**
 * An error as plain data. `fatal`: the instance is over. After a PANIC (the write-ahead log could not be written, say)
 * the next statement would spin for ever, so the caller ends this thread at once.
 */
function describe(error: unknown): { code: string; message: string; fatal: boolean } {
  const text = (key: string) => {
    const value = typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const message = text('message');
  const fatal =
    ['PANIC', 'FATAL'].includes(text('severity')) ||
    ['RuntimeError', 'ExitStatus'].includes(text('name')) ||
    message === 'PGlite is closed';
  return { code: text('code'), message, fatal };
}
