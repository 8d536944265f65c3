import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInCases, writeStandInCases } from './stand-in-cases.ts';

const entry = path.resolve(import.meta.dirname, '..', '..', 'dist', 'sandbox', 'thread.js');

describe('the thread of the sandbox', () => {
  let data: StandInCases;
  let worker: Worker;
  let base: string;

  beforeAll(async () => {
    data = writeStandInCases();
    worker = new Worker(entry, {
      workerData: {
        publicBase: 'http://localhost:3000',
        foveaBase: 'http://localhost:3000',
        dataFolder: data.folder,
        tokens: 'optional',
      },
    });
    const [{ port }] = (await once(worker, 'message')) as [{ port: number }];
    base = `http://127.0.0.1:${port}/sandbox`;
  });
  afterAll(async () => {
    await worker.terminate();
    data.remove();
  });

  it('posts the port of a server of its own, which answers FHIR and DICOMweb', async () => {
    const bundle = await (await fetch(`${base}/fhir/ImagingStudy?patient=patient-1`)).json();
    expect(bundle).toMatchObject({ resourceType: 'Bundle', total: 2 });
    const studies = await (await fetch(`${base}/dicomweb/studies`)).json();
    expect(studies).toHaveLength(3);
  });

  it('names the public address in its records, not its own', async () => {
    const endpoint = await (await fetch(`${base}/fhir/Endpoint/normal`)).json();
    expect(endpoint).toMatchObject({ address: 'http://localhost:3000/sandbox/dicomweb' });
  });

  it('treats a call that a proxy forwards from elsewhere as not from loopback: it needs a token', async () => {
    const answer = await fetch(`${base}/fhir/Patient/patient-1`, {
      headers: { 'x-forwarded-for': '203.0.113.7' },
    });
    expect(answer.status).toBe(401);
  });

  it('closes when the parent says so', async () => {
    worker.postMessage('close');
    const [message] = (await once(worker, 'message')) as [unknown];
    expect(message).toEqual({ closed: true });
  });
});
