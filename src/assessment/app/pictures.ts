import type { AppPicture } from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import { ServiceError } from '#core/error';
import type { StudyReference } from '#core/imaging';
import type { DicomHeader } from '#dicom/attributes';
import { sameIdentity } from '#dicom/identity';
import { imagingClient } from '../study-fetcher.ts';
import { refused } from './access.ts';
import { createCache } from './cache.ts';
import { studyKeyOf } from './chart.ts';
import { type AppParts, sessionKey } from './parts.ts';
import { createByteCache } from './picture-cache.ts';
import { openPictureFile, type PictureFile } from './picture-file.ts';
import { readLayout, type SeriesLayout, type StudyLayout, seriesEndpoint } from './picture-layout.ts';
import type { ChartRecord, Ehr } from './record.ts';

/** One instance at hand. */
interface OpenPicture extends Pick<PictureFile, 'header' | 'frame'> {
  /** Memory that it holds. */
  readonly bytes: number;
  readonly picture: AppPicture;
}

interface Place {
  readonly study: string;
  readonly series: string;
  readonly instance: string;
}

/** How long a study's list of pictures is used before it is read again, milliseconds. */
const layoutMs = 300_000;
/** Memory for pictures: of one session, of all. */
const cached = { ownerBytes: 64 << 20, totalBytes: 256 << 20, atOnce: 8 };
/** Largest file of one instance; the tenant's limit for a study may be lower. */
const mostInstanceBytes = 128 << 20;

/**
 * The pictures of the studies of a session's patient. Each file is fetched with the session's token and held against the
 * chart before anything of it is shown.
 */
export function createPictures(parts: AppParts, ehr: Ehr): Pick<AppTools, 'pictures' | 'picture' | 'frame'> {
  const layouts = createCache<StudyLayout>(512, layoutMs);
  const pictures = createByteCache<OpenPicture>(cached);

  const notFound = (session: AppSession): ServiceError => {
    refused(parts, session);
    return new ServiceError('NOT_FOUND');
  };

  const studyOf = async (
    session: AppSession,
    key: string,
  ): Promise<{ readonly record: ChartRecord; readonly study: StudyReference }> => {
    const record = await ehr.record(session);
    const study = record?.studies.find((one) => studyKeyOf(parts, session, one) === key);
    if (record === null || study === undefined) throw notFound(session);
    return { record, study };
  };

  const layoutOf = (
    session: AppSession,
    key: string,
    { record, study }: { readonly record: ChartRecord; readonly study: StudyReference },
  ): Promise<StudyLayout> =>
    layouts.get(JSON.stringify([sessionKey(session), key]), () =>
      readLayout(parts, session, record, study, AbortSignal.timeout(parts.fetchTimeoutMs)),
    );

  const open = async (session: AppSession, at: Place, signal: AbortSignal): Promise<OpenPicture> => {
    const found = await studyOf(session, at.study);
    const layout = await layoutOf(session, at.study, found);
    const series = layout.series.get(at.series);
    const uid = series?.instances.get(at.instance);
    if (series === undefined || uid === undefined) throw notFound(session);
    const owner = sessionKey(session);
    const opened = await pictures.get(
      owner,
      JSON.stringify([owner, at]),
      (stop) => fetchPicture(parts, session, { layout, series, uid }, stop),
      signal,
    );
    // Each time: the record may have been corrected since the file was fetched.
    checkIdentity(opened.header, found.record, layout);
    return opened;
  };

  return {
    async pictures(session, key) {
      const layout = await layoutOf(session, key, await studyOf(session, key));
      return layout.pictures;
    },
    async picture(session, at, signal) {
      return (await open(session, at, signal)).picture;
    },
    async frame(session, { frame, ...at }, signal) {
      const { frame: cut, picture } = await open(session, at, signal);
      if (!Number.isInteger(frame) || frame < 1 || frame > picture.frames)
        throw new ServiceError('NOT_FOUND');
      return { transferSyntax: picture.transferSyntax, bytes: await cut(frame - 1) };
    },
  };
}

async function fetchPicture(
  parts: AppParts,
  session: AppSession,
  {
    layout,
    series,
    uid,
  }: { readonly layout: StudyLayout; readonly series: SeriesLayout; readonly uid: string },
  signal: AbortSignal,
): Promise<OpenPicture> {
  const { tenant, fhirServer } = session;
  const client = imagingClient(parts.outbound, seriesEndpoint(layout, series, session), {
    tenant,
    fhirServer,
    token: await session.accessToken(),
    timeoutMs: parts.fetchTimeoutMs,
    maxBytes: Math.min(tenant.maxStudyBytes, mostInstanceBytes),
    signal,
  });
  const files = client.retrieveInstance(layout.study.studyInstanceUid, series.series.seriesInstanceUid, uid);
  for await (const bytes of files) {
    const { header, facts, transferSyntaxUid, frame, bytes: held } = await openPictureFile(bytes);
    if (header.sopInstanceUid !== uid)
      throw new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail: 'It sent another image.' });
    const { frameOfReference } = facts;
    return {
      bytes: held,
      header,
      frame,
      picture: {
        transferSyntax: transferSyntaxUid,
        ...facts,
        frameOfReference:
          frameOfReference === null ? null : parts.pseudonyms.image(tenant.id, frameOfReference),
      },
    };
  }
  throw new ServiceError('DICOMWEB_NOT_FOUND');
}

/** As the gate does before a model sees an image. @throws ServiceError PATIENT_MISMATCH */
function checkIdentity(
  header: DicomHeader,
  { patient }: ChartRecord,
  { study: { studyInstanceUid } }: StudyLayout,
): void {
  if (header.studyInstanceUid !== studyInstanceUid)
    throw new ServiceError('PATIENT_MISMATCH', {
      detail: 'The image belongs to another study than the record says.',
    });
  const { same, detail } = sameIdentity(header, patient);
  if (!same) throw new ServiceError('PATIENT_MISMATCH', { detail });
}
