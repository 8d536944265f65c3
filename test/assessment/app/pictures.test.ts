import type { ImagingStudy, Patient, Resource } from '@medplum/fhirtypes';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { AppPictures, AppStudy } from '#core/app';
import type { SandboxCase } from '#sandbox/case-file';
import { type AppClinic, never, openAppClinic, type Stand, servesFiles } from '../../support/app-clinic.ts';
import { bytesOf, type Elements, imageModule, writeDicom } from '../../support/dicom-writer.ts';
import { caseFiles, sandboxCases } from '../../support/hospital.ts';

const ct = '1.2.840.10008.5.1.4.1.1.2';
const structuredReport = '1.2.840.10008.5.1.4.1.1.88.22';
const hostile = `</script><img src=x onerror=alert(1)>\u202egnp.exe ${'N'.repeat(10_000)}`;

const person = (id: string): Patient => ({
  resourceType: 'Patient',
  id,
  identifier: [{ value: `MRN-${id}` }],
  name: [{ text: hostile }],
  birthDate: '1970-01-01',
  gender: 'female',
});

/** A study of one patient with series of so many instances; null: its instances are not listed. */
const study = (
  id: string,
  wado: string,
  series: readonly { modality: string; sopClass: string; instances: number | null }[],
): ImagingStudy => ({
  resourceType: 'ImagingStudy',
  id: `${id}-1`,
  status: 'available',
  subject: { reference: `Patient/${id}` },
  identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:2.25.${uidOf[id]}` }],
  started: '2026-11-19',
  description: hostile,
  contained: [
    {
      resourceType: 'Endpoint',
      id: 'pacs',
      status: 'active',
      connectionType: { code: 'dicom-wado-rs' },
      payloadType: [{ text: 'DICOM' }],
      address: wado,
    },
  ],
  endpoint: [{ reference: '#pacs' }],
  series: series.map(({ modality, sopClass, instances }, index) => ({
    uid: `2.25.${uidOf[id]}.${index + 1}`,
    modality: { code: modality },
    description: hostile,
    ...(instances !== null && {
      instance: Array.from({ length: instances }, (_, at) => ({
        uid: `2.25.${uidOf[id]}.${index + 1}.${instances - at}`,
        sopClass: { code: `urn:oid:${sopClass}` },
        number: instances - at,
      })),
    }),
  })),
});

const uidOf: Readonly<Record<string, number>> = { stack: 71, empty: 72, unlisted: 73 };

/** A CT slice of the patient `id`. */
const slice = (id: string, instance: string, more: Elements = []): Uint8Array =>
  writeDicom([
    [0x00080016, 'UI', ct],
    [0x00080018, 'UI', instance],
    [0x00080060, 'CS', 'CT'],
    [0x00100020, 'LO', `MRN-${id}`],
    [0x00100030, 'DA', '19700101'],
    [0x00100040, 'CS', 'F'],
    [0x0020000d, 'UI', `2.25.${uidOf[id]}`],
    [0x0020000e, 'UI', `2.25.${uidOf[id]}.1`],
    [0x00200013, 'IS', instance.split('.').at(-1) ?? ''],
    [0x00200032, 'DS', '-10\\-20.5\\3'],
    [0x00200037, 'DS', '1\\0\\0\\0\\1\\0'],
    [0x00200052, 'UI', '2.25.999'],
    ...imageModule({ rows: 64, columns: 64, bitsStored: 12, signed: true }),
    [0x00280030, 'DS', '0.5\\0.25'],
    [0x00281050, 'DS', '40\\-600'],
    [0x00281051, 'DS', '400\\1500'],
    [0x00281052, 'DS', '-1024'],
    [0x00281053, 'DS', '1'],
    [0x00281055, 'LO', 'SOFT\\<b>LUNG</b>'],
    ...more,
    [0x7fe00010, 'OW', bytesOf(new Int16Array(4096).fill(Number(instance.split('.').at(-1))))],
  ]);

const at = (id: string, instance: string): string =>
  `/studies/2.25.${uidOf[id]}/series/2.25.${uidOf[id]}.1/instances/${instance}`;

let app: AppClinic;
beforeAll(async () => {
  app = await openAppClinic(({ wado }): readonly Resource[] => [
    ...Object.keys(uidOf).map(person),
    study('stack', wado, [
      { modality: 'CT', sopClass: ct, instances: 300 },
      { modality: 'SR', sopClass: structuredReport, instances: 1 },
    ]),
    study('empty', wado, [{ modality: 'SR', sopClass: structuredReport, instances: 1 }]),
    study('unlisted', wado, [{ modality: 'CT', sopClass: ct, instances: null }]),
  ]);
}, 120_000);
afterAll(() => app?.close());
afterEach(() => {
  app.stands.length = 0;
});

const stack = Object.fromEntries(
  Array.from({ length: 300 }, (_, index) => {
    const instance = `2.25.71.1.${index + 1}`;
    return [at('stack', instance), slice('stack', instance)];
  }),
);

/** The pictures of the one study of a patient, and the place of its first one. */
async function opened(patient: string, session = app.session(patient)) {
  const chart = await app.tools.chart(session, never);
  const { key } = (chart.studies[0] ?? chart.others[0]) as Pick<AppStudy, 'key'>;
  const pictures: AppPictures = await app.tools.pictures(session, key, never);
  const series = pictures.series[0];
  const place = { study: key, series: series?.key ?? '', instance: series?.instances[0] ?? '' };
  return { session, key, pictures, place };
}
const fetched = (): number => app.asked.filter((url) => /^\/wado\/.*\/instances\//.test(url)).length;

describe('the pictures of the sandbox, every transfer syntax of its files', () => {
  const cases = sandboxCases().filter(
    (one: SandboxCase) => one.studies.length > 0 && one.endpoint === 'normal' && one.id !== 'truncated',
  );
  it.each(cases.map(({ id }) => [id]))('%s opens with its facts, and its frame is as stored', async (id) => {
    const { session, place } = await opened(id);
    const picture = await app.tools.picture(session, place, never);
    const frame = await app.tools.frame(session, { ...place, frame: 1 }, never);
    expect(frame.transferSyntax).toBe(picture.transferSyntax);
    const files = caseFiles(cases.find((one) => one.id === id) as SandboxCase);
    expect(files.some((file) => Buffer.from(file).includes(Buffer.from(frame.bytes)))).toBe(true);
    expect(picture.frames).toBe(1);
    expect(JSON.stringify([picture, place])).not.toMatch(/2\.25\.\d/);
    await expect(app.tools.frame(session, { ...place, frame: 2 }, never)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  it('one of which the file breaks off is DICOM_TRUNCATED', async () => {
    const { session, place } = await opened('truncated');
    await expect(
      app.tools
        .picture(session, place, never)
        .then(() => app.tools.frame(session, { ...place, frame: 1 }, never)),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^DICOM_(TRUNCATED|INVALID)$/) });
  });
});

describe('a series of 300 images', () => {
  it('is listed in the order of its numbers, beside what holds no pictures', async () => {
    app.stands.push(servesFiles(stack));
    const { session, pictures, key } = await opened('stack');
    expect(pictures.left).toEqual([{ modality: 'SR', why: expect.stringContaining('no pictures') }]);
    const [series] = pictures.series;
    expect(series?.instances).toHaveLength(300);
    const frames = await Promise.all(
      [0, 1, 299].map((index) =>
        app.tools.frame(
          session,
          { study: key, series: series?.key ?? '', instance: series?.instances[index] ?? '', frame: 1 },
          never,
        ),
      ),
    );
    const values = frames.map(({ bytes }) => Buffer.from(bytes).readInt16LE(0));
    expect(values).toEqual([1, 2, 300]);
  });

  it('each file is fetched once, however often and by however many at once its frame is asked for', async () => {
    app.stands.push(servesFiles(stack));
    const { session, key, pictures } = await opened('stack');
    const before = fetched();
    const places = pictures.series[0]?.instances.map((instance) => ({
      study: key,
      series: pictures.series[0]?.key ?? '',
      instance,
    }));
    const read = () =>
      Promise.all(
        (places ?? []).flatMap((place) => [
          app.tools.picture(session, place, never),
          app.tools.frame(session, { ...place, frame: 1 }, never),
        ]),
      );
    await read();
    await read();
    expect(fetched() - before).toBe(300);
  });

  it('facts are those of the file: spacing, place, windows by name; hostile text stays text and is cut', async () => {
    app.stands.push(servesFiles(stack));
    const { session, place, pictures } = await opened('stack');
    const picture = await app.tools.picture(session, place, never);
    expect(picture).toMatchObject({
      transferSyntax: '1.2.840.10008.1.2.1',
      photometric: 'MONOCHROME2',
      rows: 64,
      bitsAllocated: 16,
      bitsStored: 12,
      highBit: 11,
      signed: true,
      planarConfiguration: null,
      rescale: { slope: 1, intercept: -1024 },
      windows: [
        { center: 40, width: 400, name: 'SOFT' },
        { center: -600, width: 1500, name: '<b>LUNG</b>' },
      ],
      pixelSpacing: [0.5, 0.25],
      imagerPixelSpacing: null,
      position: [-10, -20.5, 3],
      orientation: [1, 0, 0, 0, 1, 0],
      frameOfReference: expect.stringMatching(/^[0-9a-f]{32}$/),
      instanceNumber: 1,
    });
    const description = pictures.series[0]?.description ?? '';
    expect(description.startsWith('</script><img src=x onerror=alert(1)> gnp.exe N')).toBe(true);
    expect([...description].length).toBe(200);
  });

  it('an enhanced object with a group for each of its frames is read in a thread, frame by frame', async () => {
    const group = (index: number): Elements => [
      [0x00209113, 'SQ', [[[0x00200032, 'DS', `0\\0\\${index}`]]]],
      [0x00289110, 'SQ', [[[0x00280030, 'DS', '0.7\\0.7']]]],
      ...Array.from({ length: 20 }, (_, at) => [0x00189100 + at, 'FD', index] as const),
    ];
    const count = 200;
    const file = writeDicom([
      [0x00080018, 'UI', '2.25.71.1.1'],
      [0x00100020, 'LO', 'MRN-stack'],
      [0x0020000d, 'UI', '2.25.71'],
      ...imageModule({ rows: 2, columns: 2, frames: count }),
      [0x52009230, 'SQ', Array.from({ length: count }, (_, index) => group(index))],
      [0x7fe00010, 'OW', bytesOf(Uint16Array.from({ length: 4 * count }, (_, at) => Math.floor(at / 4)))],
    ]);
    app.stands.push(servesFiles({ [at('stack', '2.25.71.1.1')]: file }));
    const { session, place } = await opened('stack');
    expect(await app.tools.picture(session, place, never)).toMatchObject({
      frames: count,
      pixelSpacing: [0.7, 0.7],
      position: [0, 0, 0],
    });
    const { bytes } = await app.tools.frame(session, { ...place, frame: count }, never);
    expect([...bytes]).toEqual([199, 0, 199, 0, 199, 0, 199, 0]);
  });

  it('one of more elements than any is read is refused, as is one of which they contradict themselves', async () => {
    const head = writeDicom([[0x00080018, 'UI', '2.25.71.1.1']]);
    const element = Buffer.from([0x09, 0, 0x01, 0, 0x55, 0x53, 2, 0, 0, 0]);
    const many = (count: number): Buffer =>
      Buffer.concat([head, Buffer.alloc(element.length * count, element)]);
    const files = [many(1_000_001), many(4_000).subarray(0, -3)];
    for (const [file, code] of [
      [files[0], 'DICOM_TOO_LARGE'],
      [files[1], 'DICOM_TRUNCATED'],
    ] as const) {
      app.stands.push(servesFiles({ [at('stack', '2.25.71.1.1')]: file as Uint8Array }));
      const { session, place } = await opened('stack');
      await expect(app.tools.picture(session, place, never)).rejects.toMatchObject({ code });
      app.stands.length = 0;
    }
  });

  it('one that the reader no longer waits for is given up at the imaging server', async () => {
    let cut = false;
    app.stands.push(({ url, raw }, reply) => {
      if (!url.includes('/instances/')) return false;
      reply.hijack();
      raw.socket.once('close', () => {
        cut = true;
      });
      return true;
    });
    const { session, place } = await opened('stack');
    const reader = new AbortController();
    const reading = app.tools.picture(session, place, reader.signal);
    await expect.poll(fetched).toBeGreaterThan(0);
    setTimeout(() => reader.abort(), 100);
    await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    await expect.poll(() => cut).toBe(true);
  });
});

describe('what an imaging server may do', () => {
  const stands: Readonly<Record<string, readonly [Stand, string]>> = {
    hangs: [
      ({ url }, reply) => {
        if (!url.includes('/instances/')) return false;
        reply.hijack();
        return true;
      },
      'DICOMWEB_TIMEOUT',
    ],
    'refuses the token': [
      ({ url }, reply) => {
        if (!url.includes('/instances/')) return false;
        void reply.code(403).send();
        return true;
      },
      'DICOMWEB_UNAUTHORIZED',
    ],
    'sends the image of another patient': [
      servesFiles({ [at('stack', '2.25.71.1.1')]: slice('empty', '2.25.71.1.1') }),
      'PATIENT_MISMATCH',
    ],
    'sends another patient’s in the right study': [
      servesFiles({
        [at('stack', '2.25.71.1.1')]: slice('stack', '2.25.71.1.1', [[0x00101000, 'LO', 'X']]).map(
          // The month of birth in the header: 19700101 to 19701101.
          (byte, index, all) =>
            byte === 0x30 && Buffer.from(all.subarray(index - 4, index + 4)).toString('latin1') === '19700101'
              ? 0x31
              : byte,
        ),
      }),
      'PATIENT_MISMATCH',
    ],
    'sends another image': [
      servesFiles({ [at('stack', '2.25.71.1.1')]: slice('stack', '2.25.71.1.2') }),
      'DICOMWEB_INVALID_RESPONSE',
    ],
    'sends what is no image': [
      servesFiles({ [at('stack', '2.25.71.1.1')]: writeDicom([[0x00080018, 'UI', '2.25.71.1.1']]) }),
      'DICOM_NO_PIXELS',
    ],
    'sends no DICOM': [
      servesFiles({ [at('stack', '2.25.71.1.1')]: Buffer.from('x'.repeat(1_000)) }),
      'DICOM_NOT_DICOM',
    ],
  };
  it.each(Object.entries(stands))('it %s', async (_what, [stand, code]) => {
    app.stands.push(stand);
    const { session, place } = await opened('stack');
    await expect(app.tools.picture(session, place, never)).rejects.toMatchObject({ code });
  });

  it('a study without pixels lists no series and says what was left out', async () => {
    const { pictures } = await opened('empty');
    expect(pictures).toMatchObject({ series: [], left: [{ modality: 'SR' }] });
  });

  it('a record without instances: the imaging server is asked', async () => {
    const uid = '2.25.73.1.5';
    app.stands.push(
      ({ url }, reply) => {
        if (!url.startsWith('/wado/studies/2.25.73/instances?')) return false;
        const value = (vr: string, one: unknown) => ({ vr, Value: [one] });
        void reply.header('content-type', 'application/dicom+json').send(
          JSON.stringify([
            {
              '0020000D': value('UI', '2.25.73'),
              '0020000E': value('UI', '2.25.73.1'),
              '00080018': value('UI', uid),
              '00080016': value('UI', ct),
              '00080060': value('CS', 'CT'),
            },
          ]),
        );
        return true;
      },
      servesFiles({ [at('unlisted', uid)]: slice('unlisted', uid) }),
    );
    const { session, place } = await opened('unlisted');
    expect(await app.tools.picture(session, place, never)).toMatchObject({ rows: 64, instanceNumber: 5 });
  });
});

describe('pictures are opened by the session’s own studies alone', () => {
  it('a study key of another patient, a series and an instance that are not there, are not found', async () => {
    const { place } = await opened('elevated');
    const session = app.session('low');
    const before = app.logged.filter(({ event }) => event === 'app-access-refused').length;
    await expect(app.tools.pictures(session, place.study, never)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(app.tools.picture(session, place, never)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const own = await opened('low');
    for (const other of [{ series: place.series }, { instance: place.instance }])
      await expect(app.tools.picture(own.session, { ...own.place, ...other }, never)).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    expect(app.logged.filter(({ event }) => event === 'app-access-refused')).toHaveLength(before + 4);
  });

  it('which image was read is told by the same key', async () => {
    const { session, pictures } = await opened('low');
    await app.work();
    const { studies } = await app.tools.chart(session, never);
    const { image } = await app.tools.evidence(session, studies[0]?.assessment as string);
    expect(pictures.series.flatMap(({ instances }) => instances)).toContain(image.instance);
  }, 120_000);
});
