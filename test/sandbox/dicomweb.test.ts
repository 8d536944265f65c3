import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SandboxServer, startSandbox } from './sandbox-server.ts';

let sandbox: SandboxServer;
let root: string;

beforeAll(async () => {
  sandbox = await startSandbox();
  root = `${sandbox.base}/dicomweb`;
});
afterAll(() => sandbox.close());

const study = '2.25.1000';
const anyFile = 'multipart/related; type="application/dicom"; transfer-syntax=*';
const fileOf = (folder: string, number: number) =>
  readFileSync(path.join(sandbox.data.folder, folder, String(number), 'image.dcm'));

interface Part {
  readonly headers: Record<string, string>;
  readonly content: Buffer;
}

/** The parts of a body, cut by their Content-Length and held against the boundary. */
function partsOf(contentType: string, body: Buffer): Part[] {
  const boundary = `--${/boundary=([^;]+)/.exec(contentType)?.[1]}`;
  const parts: Part[] = [];
  let at = body.indexOf(`${boundary}\r\n`);
  while (body.subarray(at, at + boundary.length + 2).toString() === `${boundary}\r\n`) {
    const headEnd = body.indexOf('\r\n\r\n', at);
    const lines = body
      .subarray(at + boundary.length + 2, headEnd)
      .toString()
      .split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    );
    const length = Number(headers['content-length']);
    parts.push({ headers, content: body.subarray(headEnd + 4, headEnd + 4 + length) });
    at = headEnd + 4 + length + 2;
  }
  expect(body.subarray(at).toString()).toBe(`${boundary}--\r\n`);
  return parts;
}

describe('WADO-RS of the sandbox', () => {
  it.each([
    ['study', `studies/${study}`],
    ['series', `studies/${study}/series/${study}.1`],
    ['instance', `studies/${study}/series/${study}.1/instances/${study}.1.1`],
  ])(
    'a %s comes as multipart/related, each part with its Content-Length and byte for byte the file',
    async (_, address) => {
      const answer = await fetch(`${root}/${address}`, { headers: { accept: anyFile } });
      const body = Buffer.from(await answer.arrayBuffer());
      const contentType = answer.headers.get('content-type') ?? '';
      expect(contentType).toContain('multipart/related; type="application/dicom"');
      expect(Number(answer.headers.get('content-length'))).toBe(body.length);
      const parts = partsOf(contentType, body);
      expect(parts).toHaveLength(1);
      expect(parts[0]?.headers['content-type']).toBe('application/dicom');
      expect(parts[0]?.content.equals(fileOf('elevated', 1))).toBe(true);
    },
  );

  it('metadata is DICOM JSON without pixels', async () => {
    const [metadata] = (await (await fetch(`${root}/studies/${study}/metadata`)).json()) as Record<
      string,
      unknown
    >[];
    expect(metadata).toMatchObject({
      '00080018': { vr: 'UI', Value: [`${study}.1.1`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'Case^Stand-in' }] },
      '00280010': { vr: 'US', Value: [64] },
    });
    expect(metadata).not.toHaveProperty('7FE00010');
  });

  it('rendered is the picture for people', async () => {
    const address = `${root}/studies/${study}/series/${study}.1/instances/${study}.1.1/rendered`;
    const answer = await fetch(address);
    expect(answer.headers.get('content-type')).toBe('image/png');
    expect(
      Buffer.from(await answer.arrayBuffer())
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG');
  });

  it('404 for a study it does not hold, also for one that another archive holds', async () => {
    expect((await fetch(`${root}/studies/1.2.3`)).status).toBe(404);
    expect((await fetch(`${root}/studies/2.25.1010`)).status).toBe(404);
  });

  it('406 when files are asked for as something else', async () => {
    expect(
      (await fetch(`${root}/studies/${study}`, { headers: { accept: 'application/json' } })).status,
    ).toBe(406);
  });

  it('the slow archive answers, late', async () => {
    const started = performance.now();
    const answer = await fetch(`${sandbox.base}/dicomweb-slow/studies/2.25.1010`, {
      headers: { accept: anyFile },
    });
    expect(answer.status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(199);
  });
});

describe('QIDO-RS of the sandbox', () => {
  const query = async (address: string) => {
    const answer = await fetch(`${root}/${address}`);
    return { status: answer.status, results: answer.status === 200 ? await answer.json() : [] } as {
      status: number;
      results: Record<string, { Value: unknown[] }>[];
    };
  };

  it('lists its studies and finds them by patient, UID list, wild card and date range', async () => {
    expect((await query('studies')).results).toHaveLength(3);
    expect((await query('studies?PatientID=MRN-1000')).results).toHaveLength(2);
    expect((await query('studies?00100020=MRN-1*')).results).toHaveLength(3);
    expect((await query(`studies?StudyInstanceUID=${study},2.25.1001`)).results).toHaveLength(2);
    expect((await query('studies?StudyDate=20261120-')).results).toHaveLength(2);
    expect(
      (await query('studies?PatientID=MRN-1000&limit=1&offset=1')).results[0]?.['0020000D']?.Value,
    ).toEqual(['2.25.1001']);
  });

  it('a wild card is no regular expression', async () => {
    expect((await query('studies?PatientID=MRN.1000')).status).toBe(204);
  });

  it('lists series and instances with their addresses', async () => {
    const { results } = await query(`studies/${study}/series`);
    expect(results[0]?.['00201209']?.Value).toEqual([1]);
    const instances = await query(`studies/${study}/series/${study}.1/instances`);
    expect(instances.results[0]?.['00081190']?.Value).toEqual([
      `http://ehr.example/sandbox/dicomweb/studies/${study}/series/${study}.1/instances/${study}.1.1`,
    ]);
  });

  it('204 when nothing matches', async () => {
    expect((await query('studies?PatientID=nobody')).status).toBe(204);
  });
});
