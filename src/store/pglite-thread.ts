import { stat } from 'node:fs/promises';
import path from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite, type PGliteOptions } from '@electric-sql/pglite';
import type { FromThread, ThreadData, ToThread } from './pglite-messages.ts';

/**
 * The thread of the embedded database: PGlite runs where it is called and would block the event loop that answers
 * hooks. One message is one statement; the caller sends the next when it has the answer.
 */
const port = parentPort;

/**
 * Nothing gathers statistics in this database by itself, and a plan made when a table was empty stays: so indexes
 * always, planned once. What `analyze` gathers once a day is a tenth of the usual: every other call waits for it.
 */
const settings =
  'set enable_seqscan = off; set plan_cache_mode = force_generic_plan; set default_statistics_target = 10';

async function serve({ folder, channel }: ThreadData): Promise<void> {
  const send = (message: FromThread) => port?.postMessage(message);
  // Where the cluster is gone (a disk that was taken away, say) PGlite would make an empty one in its place.
  await stat(path.join(folder, 'PG_VERSION'));
  const options: PGliteOptions = { dataDir: folder };
  const database = stopAfterPanic(await PGlite.create(options));
  await database.exec(settings);
  const answer = createAnswers(database);
  await database.listen(channel, (payload) => send({ type: 'notification', payload }));
  port?.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      database.close().then(
        () => send({ type: 'closed' }),
        () => send({ type: 'closed' }),
      );
      return;
    }
    answer(message.sql, message.values).then(
      (result) => send({ type: 'answer', id: message.id, ...result }),
      (error: unknown) => send({ type: 'failure', id: message.id, ...describe(error) }),
    );
  });
  send({ type: 'ready' });
}

/**
 * After a PANIC (the write-ahead log could not be written, say) the instance spins for ever on the next message, and
 * PGlite itself sends one, to synchronise. So no message passes after a PANIC.
 */
function stopAfterPanic(database: PGlite): PGlite {
  const send = database.execProtocolStream.bind(database);
  let panic: unknown = null;
  database.execProtocolStream = async (...message) => {
    if (panic !== null) throw panic;
    try {
      return await send(...message);
    } catch (error) {
      if (isFatal(error)) panic = error;
      throw error;
    }
  };
  return database;
}

/** Prepares statements and remembers them: planning is most of what a read costs. */
function createAnswers(database: PGlite) {
  const prepared = new Map<string, string>();
  const run = async (sql: string, values: readonly unknown[]) => {
    if (values.length === 0) return (await database.exec(sql)).at(-1);
    const literals = values.map(literal);
    const known = prepared.get(sql);
    const fits = preparable.test(sql) && !literals.includes(null);
    if (!fits || (known === undefined && prepared.size >= mostPrepared))
      return database.query(sql, [...values]);
    const name = known ?? `fovea_${prepared.size + 1}`;
    if (known === undefined) {
      await database.exec(`prepare ${name} as ${sql}`);
      prepared.set(sql, name);
    }
    return (await database.exec(`execute ${name} (${literals.join(', ')})`)).at(-1);
  };
  return async (sql: string, values: readonly unknown[]) => {
    const result = await run(sql, values);
    return { rows: (result?.rows ?? []) as Record<string, unknown>[], affected: result?.affectedRows };
  };
}

/** What PREPARE takes. */
const preparable = /^\s*(select|insert|update|delete|with)\b/i;
const mostPrepared = 100;

/** `value` as an SQL literal that takes the type of its parameter; null for what has no such form here. */
function literal(value: unknown): string | null {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return `'${value}'`;
  return value instanceof Date ? `'${value.toISOString()}'` : null;
}

function textOf(error: unknown, key: string): string {
  const value = typeof error === 'object' && error !== null ? Reflect.get(error, key) : undefined;
  return typeof value === 'string' ? value : '';
}

/** The instance is over, not only the statement. */
function isFatal(error: unknown): boolean {
  return (
    ['PANIC', 'FATAL'].includes(textOf(error, 'severity')) ||
    ['RuntimeError', 'ExitStatus'].includes(textOf(error, 'name')) ||
    textOf(error, 'message') === 'PGlite is closed'
  );
}

/** An error as plain data; after a fatal one the caller ends this thread. */
function describe(error: unknown): { code: string; message: string; fatal: boolean } {
  return { code: textOf(error, 'code'), message: textOf(error, 'message'), fatal: isFatal(error) };
}

if (port !== null) await serve(workerData as ThreadData);
