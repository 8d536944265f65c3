import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutboundFetch } from '#auth/outbound';
import { readHeader } from '#dicom/attributes';
import { createDicomwebClient, type DicomwebOptions } from '#dicom/dicomweb';
import { parseDicom } from '#dicom/parse';
import { type Orthanc, orthancAvailability, startOrthanc } from '../support/orthanc.ts';
import { sharedData, sharedDataMissing } from '../support/shared.ts';

const available = orthancAvailability();
const ctFolder = sharedData('chest-ct-dicom', 'dicom');
const dicomFolder = sharedData('dicom');
const missing = ctFolder === null || dicomFolder === null;

/** Real files: CT uncompressed, and one each in RLE, JPEG 2000, JPEG and explicit little endian. */
function realFiles(): Buffer[] {
  const compressed = [
    'dicomParser/CT0012.not_fragmented_bot_rle.dcm',
    'pydicom-data/RG1_J2KI.dcm',
    'torchxrayvision/Fake_MONOHR1.dcm',
    'highdicom/dx_image.dcm',
  ].map((name) => path.join(dicomFolder as string, name));
  const ct = readdirSync(ctFolder as string)
    .filter((name) => name.endsWith('.dcm'))
    .sort()
    .slice(0, 4)
    .map((name) => path.join(ctFolder as string, name));
  return [...compressed, ...ct].map((file) => readFileSync(file));
}

interface Stored {
  readonly bytes: Buffer;
  readonly study: string;
  readonly series: string;
  readonly instance: string;
}

function identify(bytes: Buffer): Stored {
  const header = readHeader(parseDicom(bytes));
  return {
    bytes,
    study: header.studyInstanceUid as string,
    series: header.seriesInstanceUid as string,
    instance: header.sopInstanceUid as string,
  };
}

const clientOf = (orthanc: Orthanc, more: Partial<DicomwebOptions> = {}) =>
  createDicomwebClient({
    outbound: createOutboundFetch(),
    endpoint: { address: orthanc.dicomweb, requiresAccessToken: false },
    allowed: [{ base: orthanc.dicomweb, addresses: ['127.0.0.1'] }],
    token: null,
    maySendToken: () => false,
    timeoutMs: 20_000,
    idleTimeoutMs: 10_000,
    maxBytes: 64 << 20,
    ...more,
  });

async function all(files: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  for await (const file of files) taken.push(file);
  return taken;
}

const why = [available.reason, missing ? `(skipped: ${sharedDataMissing})` : ''].join(' ').trim();

describe.skipIf(!available.available || missing)(`Orthanc with real files ${why}`, () => {
  let orthanc: Orthanc;
  let stored: Stored[];
  beforeAll(async () => {
    orthanc = await startOrthanc();
    stored = realFiles().map(identify);
    await orthanc.store(stored.map(({ bytes }) => bytes));
  });
  afterAll(() => orthanc?.stop());

  it('WADO-RS gives every study as it was stored, in its own transfer syntax', async () => {
    for (const uid of new Set(stored.map(({ study }) => study))) {
      const members = stored.filter(({ study }) => study === uid);
      const files = await all(clientOf(orthanc).retrieveStudy(uid));
      expect(files).toHaveLength(members.length);
      for (const file of files) {
        const { instance } = identify(file);
        const original = members.find((member) => member.instance === instance);
        expect(original?.bytes.equals(file), instance).toBe(true);
        expect(file.buffer.byteLength).toBe(file.length);
      }
    }
  });

  it('WADO-RS gives one series and one instance', async () => {
    const client = clientOf(orthanc);
    for (const { bytes, study, series, instance } of stored) {
      const ofSeries = await all(client.retrieveSeries(study, series));
      expect(ofSeries.some((file) => file.equals(bytes))).toBe(true);
      const [file, ...rest] = await all(client.retrieveInstance(study, series, instance));
      expect(file?.equals(bytes)).toBe(true);
      expect(rest).toEqual([]);
    }
  });

  it('QIDO-RS lists series and instances with modality, SOP class and number', async () => {
    for (const { bytes, study, series, instance } of stored) {
      const header = readHeader(parseDicom(bytes));
      const listed = await clientOf(orthanc).qidoInstances(study);
      const found = listed.find(({ seriesInstanceUid }) => seriesInstanceUid === series);
      expect(found?.modality).toBe(header.modality);
      expect(found?.instances.find(({ sopInstanceUid }) => sopInstanceUid === instance)).toEqual({
        sopInstanceUid: instance,
        sopClassUid: header.sopClassUid,
        number: header.instanceNumber,
      });
    }
  });

  it('QIDO-RS without a hit is an empty list, WADO-RS without one is DICOMWEB_NOT_FOUND', async () => {
    expect(await clientOf(orthanc).qidoInstances('1.2.3.4.5.6')).toEqual([]);
    await expect(all(clientOf(orthanc).retrieveStudy('1.2.3.4.5.6'))).rejects.toMatchObject({
      code: 'DICOMWEB_NOT_FOUND',
    });
  });

  it('a study over the limit is DICOMWEB_TOO_LARGE', async () => {
    const { study } = stored[0] as Stored;
    await expect(all(clientOf(orthanc, { maxBytes: 10_000 }).retrieveStudy(study))).rejects.toMatchObject({
      code: 'DICOMWEB_TOO_LARGE',
    });
  });

  it('sixteen retrievals at once do not mix', async () => {
    const client = clientOf(orthanc);
    const wanted = Array.from({ length: 16 }, (_, index) => stored[index % stored.length] as Stored);
    const files = await Promise.all(
      wanted.map((one) => all(client.retrieveInstance(one.study, one.series, one.instance))),
    );
    expect(files.every(([file], index) => wanted[index]?.bytes.equals(file as Buffer))).toBe(true);
  });
});

describe.skipIf(!available.available)(`Orthanc with sign-in ${available.reason}`, () => {
  it('401 is DICOMWEB_UNAUTHORIZED', async () => {
    const orthanc = await startOrthanc({ AuthenticationEnabled: true, RegisteredUsers: { someone: 'else' } });
    try {
      const client = clientOf(orthanc);
      await expect(all(client.retrieveStudy('1.2.3'))).rejects.toMatchObject({
        code: 'DICOMWEB_UNAUTHORIZED',
      });
      await expect(client.qidoInstances('1.2.3')).rejects.toMatchObject({ code: 'DICOMWEB_UNAUTHORIZED' });
    } finally {
      await orthanc.stop();
    }
  });
});
