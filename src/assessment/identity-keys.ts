import { createHash, createHmac } from 'node:crypto';
import type { ChartPatient, StudyReference } from '#core/imaging';

/** Keyed pseudonyms of users and studies. They are still personal data: whoever has the key can recompute them. */
export interface Pseudonyms {
  /** 32 hexadecimal digits for one user of one tenant. */
  user(tenant: string, userId: string): string;
  /** 32 hexadecimal digits for one content of one study of one tenant; opaque to callers. */
  study(tenant: string, studyInstanceUid: string, imagesDigest: string): string;
  /** 32 hexadecimal digits for one series or image of one tenant; opaque to callers. */
  image(tenant: string, uid: string): string;
  /** 32 hexadecimal digits for one patient of one FHIR server of one tenant; opaque to callers. */
  patient(tenant: string, fhirServer: string, fhirId: string): string;
}

/** @param key 32 bytes or more */
export function createPseudonyms(key: Uint8Array): Pseudonyms {
  const of = (...parts: string[]) =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return {
    user: (tenant, userId) => of('user', tenant, userId),
    study: (tenant, studyInstanceUid, imagesDigest) => of('study', tenant, studyInstanceUid, imagesDigest),
    image: (tenant, uid) => of('image', tenant, uid),
    patient: (tenant, fhirServer, fhirId) => of('patient', tenant, fhirServer, fhirId),
  };
}

/**
 * Digest of a study's images: the sorted SOP Instance UIDs, or, where the record does not list them all, its series and
 * its number of instances. 64 hexadecimal digits.
 */
export function imagesDigest(study: StudyReference): string {
  const instances = study.series.flatMap((series) =>
    series.instances.map((instance) => instance.sopInstanceUid),
  );
  const isListed = instances.length > 0 && study.series.every((series) => series.instances.length > 0);
  return digestOf(
    isListed
      ? instances.sort()
      : [
          'unlisted',
          String(study.numberOfInstances ?? ''),
          ...study.series.map((series) => series.seriesInstanceUid).sort(),
        ],
  );
}

/**
 * Digest of what a result holds for: the images ({@link imagesDigest}) and the identity of the chart's patient that they
 * are held against. A record that is corrected or moved to another patient gives another digest, so no result outlives
 * the identity that it was checked for. 64 hexadecimal digits.
 */
export function contentDigest(images: string, { identifiers, birthDate, sex }: ChartPatient): string {
  return digestOf([images, [...identifiers].sort(), birthDate, sex]);
}

function digestOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
