import type { AppPictures } from '#core/app';
import type { AppSession } from '#core/app-ports';
import type { SeriesReference, StudyReference } from '#core/imaging';
import { byNumber, endpointOf, imagingClient, seriesOf, withEndpoints } from '../study-fetcher.ts';
import type { AppParts } from './parts.ts';
import type { ChartRecord } from './record.ts';
import { line } from './text.ts';

/** The series and instances of one study, by their opaque keys. */
export interface StudyLayout {
  /** With its Endpoints read. */
  readonly study: StudyReference;
  readonly pictures: AppPictures;
  /** By key of the series. */
  readonly series: ReadonlyMap<string, SeriesLayout>;
}

export interface SeriesLayout {
  readonly series: SeriesReference;
  /** SOP Instance UIDs by key, in order. */
  readonly instances: ReadonlyMap<string, string>;
}

/** Largest answer to a search. */
const mostBytes = 32 << 20;

/**
 * What of a study can be opened: the record's own list, else what the imaging server says (QIDO-RS).
 *
 * @throws ServiceError ENDPOINT_MISSING, FHIR_…, DICOMWEB_…, OUTBOUND_…
 */
export async function readLayout(
  parts: AppParts,
  session: AppSession,
  record: ChartRecord,
  found: StudyReference,
  signal: AbortSignal,
): Promise<StudyLayout> {
  const { tenant, fhirServer } = session;
  const { outbound, fetchTimeoutMs: timeoutMs } = parts;
  const token = await session.accessToken();
  const payload = { study: found, fhirServer };
  const study = await withEndpoints(outbound, { payload, tenant, token, signal, timeoutMs });
  const isListed = study.series.length > 0 && study.series.every(({ instances }) => instances.length > 0);
  const listed = isListed
    ? study.series
    : withSources(
        await seriesOf(study, tenant, (endpoint) =>
          imagingClient(outbound, endpoint, {
            tenant,
            fhirServer,
            token,
            timeoutMs,
            maxBytes: mostBytes,
            signal,
          }),
        ),
        study,
      );
  const opaque = (uid: string): string => parts.pseudonyms.image(tenant.id, uid);
  const series = new Map<string, SeriesLayout>();
  const left: AppPictures['left'][number][] = [];
  for (const one of listed) {
    const pictures = one.instances
      .filter(({ sopClassUid }) => mayHavePixels(one, sopClassUid))
      .sort(byNumber);
    if (pictures.length === 0)
      left.push({
        modality: line(one.modality, 16),
        why: 'It holds no pictures: a report, a plan, a presentation state or the like.',
      });
    else
      series.set(opaque(one.seriesInstanceUid), {
        series: one,
        instances: new Map(pictures.map(({ sopInstanceUid }) => [opaque(sopInstanceUid), sopInstanceUid])),
      });
  }
  return {
    study,
    series,
    pictures: {
      series: [...series].map(([key, layout]) => ({
        key,
        modality: line(layout.series.modality, 16),
        description: line(record.seriesDescriptions.get(layout.series.seriesInstanceUid) ?? null),
        instances: [...layout.instances.keys()],
      })),
      left,
    },
  };
}

/** The server's list with the Endpoints that the record names for the same series. */
function withSources(
  listed: readonly SeriesReference[],
  { series }: StudyReference,
): readonly SeriesReference[] {
  const named = new Map(series.map((one) => [one.seriesInstanceUid, one]));
  return listed.map((one) => {
    const own = named.get(one.seriesInstanceUid);
    return own === undefined
      ? one
      : { ...one, endpoint: own.endpoint, modality: own.modality ?? one.modality };
  });
}

/** Where one series is to be had. @throws ServiceError ENDPOINT_MISSING */
export function seriesEndpoint({ study }: StudyLayout, { series }: SeriesLayout, { tenant }: AppSession) {
  return endpointOf(study, series, tenant);
}

/** SOP classes without pixel data, by their beginning. @see DICOM PS3.4 B.5 */
const withoutPixels =
  /^1\.2\.840\.10008\.5\.1\.4\.(?:1\.1\.(?:4\.2|9\.|11\.|66$|66\.[12356]|67|78\.|79\.|88\.|104\.|200\.|481\.[3456789]|481\.1\d|501\.[56])|34\.|38\.|39\.|43\.|44\.|45\.)/;

/** The same by modality, where the class is not stated. */
const modalitiesWithoutPixels = new Set([
  'AU',
  'DOC',
  'ECG',
  'EPS',
  'FID',
  'HD',
  'KO',
  'M3D',
  'PLAN',
  'PR',
  'REG',
  'RESP',
  'RTPLAN',
  'RTRECORD',
  'RTSTRUCT',
  'RWV',
  'SMR',
  'SR',
]);

function mayHavePixels({ modality }: SeriesReference, sopClassUid: string | null): boolean {
  if (sopClassUid !== null) return !withoutPixels.test(sopClassUid);
  return modality === null || !modalitiesWithoutPixels.has(modality.toUpperCase());
}
