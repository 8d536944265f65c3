import { describe, expect, it } from 'vitest';
import { ServiceError } from '#core/error';
import type { SeriesReference, StudyReference } from '#core/imaging';
import { hasUnreadEndpoints, readUnreadEndpoints } from '#fhir/unread-endpoints';

const wado = (reference: string, more: object = {}) => ({
  resourceType: 'Endpoint',
  status: 'active',
  connectionType: { code: 'dicom-wado-rs' },
  address: `https://pacs.example.org/${reference.replace(/.*\//, '')}`,
  ...more,
});

const series = (...unreadEndpoints: string[]): SeriesReference => ({
  seriesInstanceUid: `1.2.${unreadEndpoints.length}`,
  modality: 'DX',
  bodySite: null,
  endpoint: null,
  unreadEndpoints,
  instances: [],
});

const study = (unreadEndpoints: string[], more: Partial<StudyReference> = {}): StudyReference => ({
  studyInstanceUid: '1.2',
  fhirId: 's1',
  started: null,
  description: null,
  modalities: ['DX'],
  endpoint: null,
  unreadEndpoints,
  series: [],
  numberOfInstances: null,
  ...more,
});

describe('S18 an Endpoint that the record only refers to', () => {
  it('is read, each once and in parallel, for the study and its series', async () => {
    const asked: string[] = [];
    let running = 0;
    let most = 0;
    const read = await readUnreadEndpoints(
      study(['Endpoint/e1'], { series: [series('Endpoint/e1'), series('Endpoint/e2', 'Endpoint/e3')] }),
      async (reference) => {
        asked.push(reference);
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 10));
        running--;
        return wado(reference);
      },
    );
    expect(asked.sort()).toEqual(['Endpoint/e1', 'Endpoint/e2']);
    expect(most).toBe(2);
    expect([read.endpoint, ...read.series.map((one) => one.endpoint)].map((one) => one?.address)).toEqual(
      ['e1', 'e1', 'e2'].map((id) => `https://pacs.example.org/${id}`),
    );
    expect(hasUnreadEndpoints(read)).toBe(false);
  });

  it('that is of no use or gone is passed over for the next', async () => {
    const found: Record<string, unknown> = {
      'Endpoint/off': wado('off', { status: 'off' }),
      'Endpoint/gone': null,
      'Endpoint/good': wado('good'),
    };
    const read = await readUnreadEndpoints(study(Object.keys(found)), async (reference) => found[reference]);
    expect(read.endpoint?.address).toBe('https://pacs.example.org/good');
    const none = await readUnreadEndpoints(study(['Endpoint/off']), async (reference) => found[reference]);
    expect(none).toMatchObject({ endpoint: null, unreadEndpoints: [] });
  });

  it('that cannot be read is a failure with its code, not a study without images', async () => {
    const failing = () => Promise.reject(new ServiceError('FHIR_UNAVAILABLE'));
    await expect(readUnreadEndpoints(study(['Endpoint/e1']), failing)).rejects.toMatchObject({
      code: 'FHIR_UNAVAILABLE',
    });
    await expect(
      readUnreadEndpoints(study([], { series: [series('Endpoint/e1')] }), failing),
    ).rejects.toMatchObject({ code: 'FHIR_UNAVAILABLE' });
  });

  it('a list without end is read only so far', async () => {
    const asked: string[] = [];
    const many = Array.from({ length: 1_000 }, (_, index) => `Endpoint/${index}`);
    await readUnreadEndpoints(study(many), async (reference) => {
      asked.push(reference);
      return null;
    });
    expect(asked).toHaveLength(16);
  });

  it('thousands of series with an Endpoint each cause as few reads', async () => {
    const asked: string[] = [];
    const all = Array.from({ length: 5_000 }, (_, index) => series(`Endpoint/${index}`));
    await readUnreadEndpoints(study([], { series: all }), async (reference) => {
      asked.push(reference);
      return null;
    });
    expect(asked).toHaveLength(16);
  });
});
