import { describe, expect, it } from 'vitest';
import { countImages } from '#assessment/deployed';
import type { SeriesReference, StudyReference } from '#core/imaging';
import type { Manifest } from '#core/model-package';

const dx = '1.2.840.10008.5.1.4.1.1.1.1';
const report = '1.2.840.10008.5.1.4.1.1.88.11';
const manifest = { selects: { modality: ['DX', 'CR'], sopClass: [dx] } } as unknown as Manifest;
const series = (modality: string | null, ...sopClasses: (string | null)[]): SeriesReference => ({
  seriesInstanceUid: '2.25.1',
  modality,
  bodySite: null,
  endpoint: null,
  unreadEndpoints: [],
  instances: sopClasses.map((sopClassUid, at) => ({
    sopInstanceUid: `2.25.1.${at}`,
    sopClassUid,
    number: at,
  })),
});
const study = (numberOfInstances: number | null, ...all: SeriesReference[]): StudyReference => ({
  studyInstanceUid: '2.25.1',
  fhirId: null,
  started: null,
  description: null,
  modalities: ['DX'],
  endpoint: null,
  unreadEndpoints: [],
  series: all,
  numberOfInstances,
});

describe('how many images a study has that a model could read', () => {
  it.each<[string, StudyReference, number | null]>([
    ['those that the record lists', study(9, series('DX', dx, dx)), 2],
    ['those of a class that is not stated too', study(9, series('DX', dx, null)), 2],
    ['not those of another class', study(9, series('DX', dx, report)), 1],
    ['not those of another modality', study(9, series('DX', dx), series('CT', dx, dx)), 1],
    ['those of a series without a modality', study(9, series(null, dx), series('DX', dx)), 2],
    ['what the record states where it lists none', study(3, series('DX')), 3],
    ['what the record states where it has no series', study(3), 3],
    ['not known where it states nothing', study(null, series('DX', dx), series('CR')), null],
  ])('%s', (_name, one, count) => {
    expect(countImages(one, manifest)).toBe(count);
  });
});
