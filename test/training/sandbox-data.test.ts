import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { decodeFrames } from '#dicom/decode';
import { createCodecs } from '#dicom/decoders/codecs';
import { greyTransform } from '#dicom/grey';
import { parseDicom } from '#dicom/parse';
import { type Model, openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import { predict } from '#inference/predict';
import { type GreyImage, greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { createRandom } from '#statistics/random';
import { shippedPackage } from '../support/model-packages.ts';
import { sharedData, sharedDataMissing } from '../support/shared.ts';

interface Case {
  readonly id: string;
  readonly folder: string;
  readonly title: string;
  readonly expected: {
    readonly status: string;
    readonly band: string | null;
    readonly reasonCode: string | null;
  };
  readonly patient: { readonly id: string; readonly birthDate: string };
  readonly studies: readonly Study[];
  readonly endpoint: string;
}
interface Study {
  readonly studyInstanceUid: string;
  readonly started: string;
  readonly series: readonly {
    readonly seriesInstanceUid: string;
    readonly instances: readonly {
      readonly sopInstanceUid: string;
      readonly file: string;
      readonly preview: string;
    }[];
  }[];
}

const folder = path.resolve(import.meta.dirname, '..', '..', 'sandbox', 'data');
const cases = JSON.parse(readFileSync(path.join(folder, 'cases.json'), 'utf8')) as readonly Case[];
const instances = cases.flatMap((c) =>
  c.studies.flatMap((study) =>
    study.series.flatMap((series) => series.instances.map((instance) => ({ case: c, instance }))),
  ),
);

describe('the sandbox’s data', () => {
  test('every case of the sandbox is there once', () => {
    expect(cases.map((c) => c.id).sort()).toEqual(
      [
        'adult',
        'burned-in',
        'elevated',
        'endpoint-not-allowed',
        'indeterminate',
        'jpeg-2000',
        'jpeg-ls',
        'lateral',
        'low',
        'monochrome1',
        'no-imaging',
        'not-a-chest',
        'prior',
        'rle',
        'slow-pacs',
        'truncated',
      ].sort(),
    );
  });

  test('every UID is under 2.25 and given once', () => {
    const uids = cases.flatMap((c) =>
      c.studies.flatMap((study) => [
        study.studyInstanceUid,
        ...study.series.flatMap((s) => [s.seriesInstanceUid, ...s.instances.map((i) => i.sopInstanceUid)]),
      ]),
    );
    expect(new Set(uids).size).toBe(uids.length);
    for (const uid of uids) expect(uid).toMatch(/^2\.25\.[1-9]\d{0,38}$/);
  });

  test('every file is DICOM with a preview, and all of it is at most 12 MB', () => {
    for (const { case: c, instance } of instances) {
      const bytes = readFileSync(path.join(folder, c.folder, instance.file));
      expect(bytes.subarray(128, 132).toString('latin1')).toBe('DICM');
      expect(
        readFileSync(path.join(folder, c.folder, instance.preview))
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');
    }
    const size = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
    expect(size).toBeLessThanOrEqual(12_000_000);
  });

  test('children are from 1 to under 6 years at the study, and one patient is grown up', () => {
    for (const c of cases) {
      for (const study of c.studies) {
        const years = (Date.parse(study.started) - Date.parse(c.patient.birthDate)) / (365.25 * 86_400_000);
        if (c.id === 'adult') expect(years).toBeGreaterThan(18);
        else expect(years > 1 && years < 6, `${c.id}: ${years} years`).toBe(true);
      }
    }
  });
});

const chests = sharedData('chest-xray-paediatric');
const shipped = await shippedPackage();

/** Features of one grey image, as the package's gates see them. */
async function featuresOf(image: GreyImage, model: Model): Promise<Float32Array> {
  const { input } = model.package.manifest;
  return (await predict(model, toTensor(prepareImage(image, input), input))).features;
}

function distance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum);
}

describe.skipIf(chests === null || shipped === null)(
  `no picture of the sandbox is a copy of a training image${chests === null ? ` (skipped: ${sharedDataMissing})` : ''}`,
  () => {
    test('the nearest training image is at least as far as the 1st percentile between training images of different patients', async () => {
      const model = await openModel(await loadPackage(shipped!), { providers: ['cpu'] });
      const codecs = createCodecs();
      const rows = (
        parse(readFileSync(path.join(chests!, 'manifest.csv')), { columns: true }) as {
          file: string;
          patient_id: string;
          split: string;
        }[]
      ).filter((row) => row.split === 'train');
      const training: Float32Array[] = [];
      for (const row of rows) {
        const image = jpegGrey(readFileSync(path.join(chests!, row.file)), codecs);
        training.push(await featuresOf(image, model));
      }
      const random = createRandom(20261124);
      const pick = () => random.below(rows.length);
      const between: number[] = [];
      while (between.length < 100_000) {
        const [a, b] = [pick(), pick()];
        if (rows[a]!.patient_id !== rows[b]!.patient_id) between.push(distance(training[a]!, training[b]!));
      }
      const least = between.sort((a, b) => a - b)[Math.floor(between.length / 100)]!;
      for (const { case: c, instance } of instances) {
        if (c.id === 'truncated') continue;
        const file = parseDicom(readFileSync(path.join(folder, c.folder, instance.file)));
        const decoded = decodeFrames(file, { codecs });
        const grey = { rows: decoded.rows, columns: decoded.columns, data: decoded.data };
        const features = await featuresOf({ ...grey, ...greyTransform(file, decoded) }, model);
        const nearest = training.reduce(
          (found, other) => Math.min(found, distance(features, other)),
          Infinity,
        );
        // The percentile is of a sample of pairs: 2 % of room for the draw.
        expect(nearest, c.id).toBeGreaterThanOrEqual(least * 0.98);
      }
      await model.close();
    }, 600_000);
  },
);

/** The set's JPEG files hold one grey in three channels: the first is it. */
function jpegGrey(bytes: Uint8Array, codecs: ReturnType<typeof createCodecs>): GreyImage {
  return codecs.run('jpeg', (decoder) => {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const { width, height, componentCount } = decoder.getFrameInfo();
    const data = decoder.getDecodedBuffer();
    const pixels = Uint8Array.from({ length: width * height }, (_, i) => data[i * componentCount]!);
    return greyImage8(height, width, pixels);
  });
}
