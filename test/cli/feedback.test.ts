import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAnswers } from '#store/answers';
import { createCards } from '#store/cards';
import { openDatabase } from '#store/database';
import { createFeedback } from '#store/feedback';
import { studyHash } from '#store/keys';
import { migrate } from '#store/migrate';
import { createQueue } from '#store/queue';
import { runCli } from '../support/fovea-process.ts';
import { request, result } from '../support/store.ts';

describe('fovea feedback export', () => {
  let folder: string;
  let data: string;
  let assessmentId: string;
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-feedback-'));
    data = path.join(folder, 'data');
    mkdirSync(data);
    const database = await openDatabase({ folder: path.join(data, 'database') });
    await migrate(database);
    const queue = createQueue(database);
    await queue.start();
    await queue.enqueue(request(1));
    const [job] = await queue.claim(1);
    assessmentId = (await queue.complete(job!, result())) as string;
    await createAnswers(database).add({
      tenant: 'hospital',
      key: crypto.randomUUID(),
      assessmentId,
      studyHash: studyHash('hospital', '2.25.1'),
      kind: 'final-diagnosis',
      finding: 'pneumonia',
      reason: null,
      outcome: 'absent',
      comment: '=HYPERLINK("https://evil.example","open")\nsecond line',
      by: { server: 'https://ehr.example/fhir', reference: 'Practitioner/1', name: '@name', role: '+1' },
    });
    const card = crypto.randomUUID();
    await createCards(database).issued([
      {
        id: card,
        tenant: 'hospital',
        service: 's',
        userKey: 'u',
        studyKey: 'k',
        model: { name: 'chest', version: '1.0.0' },
        finding: 'pneumonia',
        hookInstance: 'h',
        assessmentId,
      },
    ]);
    await createFeedback(database).save('hospital', 's', [
      {
        card,
        outcome: 'overridden',
        acceptedSuggestions: [],
        overrideReason: { reason: { code: 'known', display: 'Already known' }, userComment: '-1' },
        outcomeTimestamp: '2026-11-20T10:00:00Z',
      },
    ]);
    await queue.stop();
    await database.close();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    runCli(['feedback', 'export', ...args], {
      FOVEA_DATA: data,
      ...env,
    });

  it('as JSON: each with the result that it is about, oldest first', async () => {
    const { code, stdout } = await run(['--json']);
    expect(code).toBe(0);
    const about = { assessment: assessmentId, status: 'final', finding: 'pneumonia', probability: 0.25 };
    expect(JSON.parse(stdout)).toMatchObject([
      { source: 'card', kind: 'overridden', reasonCode: 'known', reason: 'Already known', ...about },
      { source: 'app', kind: 'final-diagnosis', outcome: 'absent', by: 'Practitioner/1', ...about },
    ]);
  });

  it('as CSV: no text of others is a formula', async () => {
    const { code, stdout } = await run(['--csv']);
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe(
      'source,id,at,tenant,assessment,study,model,version,status,finding,probability,band,kind,reasonCode,reason,outcome,comment,server,by,name,role,replaces',
    );
    expect(stdout).toContain(`"'=HYPERLINK(""https://evil.example"",""open"")\nsecond line"`);
    expect(stdout).toContain(`"'@name","'+1"`);
    expect(stdout).toContain(`"'-1"`);
  });

  it('where a running Fovea holds the database: refused, with what to do', async () => {
    const database = await openDatabase({ folder: path.join(data, 'database') });
    try {
      const { code, stdout, stderr } = await run(['--csv']);
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain('DATA_FOLDER_LOCKED');
      expect(stderr).toContain('Stop it for the export');
    } finally {
      await database.close();
    }
  });

  it('where there is no database yet: nothing, and that is said', async () => {
    const { code, stdout, stderr } = await run(['--json'], { FOVEA_DATA: path.join(folder, 'new') });
    expect([code, stdout.trim()]).toEqual([0, '[]']);
    expect(stderr).toContain('There is no database yet');
  });

  it.each([[[]], [['--json', '--csv']]])('%j is not understood: exit 2', async (args) => {
    expect((await run(args)).code).toBe(2);
  });
});
