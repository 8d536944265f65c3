import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '#core/error';
import { stackOf, standardError } from '#server/log';

const compiled = pathToFileURL(
  path.resolve(import.meta.dirname, '..', '..', 'dist', 'src', 'server', 'log.js'),
).href;

/** What the compiled log writes on standard error, line by line. */
function written(level: string, statements: string): Record<string, unknown>[] {
  const script = `const { createLog } = await import(${JSON.stringify(compiled)}); const log = createLog(${JSON.stringify(level)}); ${statements}`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect([status, stdout]).toEqual([0, '']);
  return stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the log', () => {
  it('writes one JSON object a line on standard error, with level and time', () => {
    const [line] = written('info', "log.info({ event: 'listening', port: 3000 });");
    expect(line).toEqual({
      level: 30,
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      event: 'listening',
      port: 3000,
    });
  });

  it('lets nothing through that has no field of its own, whatever a caller hands over', () => {
    const [line] = written(
      'info',
      "log.error({ event: 'x', code: 'INTERNAL', patient: 'Jane', msg: 'Jane', err: new Error('Jane'), __proto__: { name: 'Jane' }, constructor: 'Jane' });",
    );
    expect(Object.keys(line as object).sort()).toEqual(['code', 'event', 'level', 'time']);
  });

  it('keeps quiet below its level', () => {
    const statements = "log.info({ event: 'a' }); log.warn({ event: 'b' }); log.error({ event: 'c' });";
    expect(written('warn', statements).map(({ event }) => event)).toEqual(['b', 'c']);
    expect(written('silent', statements)).toEqual([]);
  });
});

describe('a stack in the log', () => {
  it('is the name and where, never the message', () => {
    const stack = stackOf(new TypeError('Jane Doe is 4711'));
    expect(stack).toMatch(/^TypeError \| at .*log\.test\.ts:\d+:\d+/);
    expect(stack).not.toMatch(/Jane|4711/);
  });

  it('a line of the message that looks like a frame is not taken for one', () => {
    expect(stackOf(new Error('first\n    at Jane (/doe.js:1:1)\nlast'))).not.toContain('Jane');
  });

  it('of a ServiceError repeats neither its detail nor its cause', () => {
    const stack = stackOf(new ServiceError('INTERNAL', { detail: 'Jane', cause: new Error('Doe') }));
    expect(stack).not.toMatch(/Jane|Doe/);
  });

  it.each([['Jane'], [null], [undefined], [{ message: 'Jane' }]])(
    'of %j, which is no error, is its type',
    (thrown) => {
      expect(stackOf(thrown)).toBe(typeof thrown);
    },
  );

  it('is short', () => {
    const deep = (times: number): Error => (times === 0 ? new Error('x') : deep(times - 1));
    expect(stackOf(deep(50)).split(' | ').length).toBeLessThanOrEqual(9);
  });
});

it.skipIf(process.platform !== 'linux')(
  'a line that cannot be written is dropped, told of later, and never waited for',
  () => {
    const full = openSync('/dev/full', 'w');
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'fovea-test-log-')), 'log');
    const room = openSync(file, 'w');
    const target = { descriptor: full };
    const log = standardError(() => target.descriptor);
    log.write('{"event":"one"}\n');
    log.write('{"event":"two"}\n');
    target.descriptor = room;
    log.write('{"event":"three"}\n');
    closeSync(full);
    closeSync(room);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: 40, event: 'log-lines-dropped', count: 2 },
      { event: 'three' },
    ]);
  },
);
