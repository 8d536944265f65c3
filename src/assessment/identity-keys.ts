import { createHash, createHmac } from 'node:crypto';
import type { ChartPatient, StudyReference } from '#core/imaging';

/** Keyed pseudonyms of users and studies. They are still personal data: whoever has the key can recompute them. */
export interface Pseudonyms {
  /** 32 hexadecimal digits for one user of one tenant. */
  user(tenant: string, userId: string): string;
  /** 32 hexadecimal digits for one content of one study of one tenant; opaque to callers. */
  study(tenant: string, studyInstanceUid: string, contentDigest: string): string;
}

/** @param key 32 bytes or more */
export function createPseudonyms(key: Uint8Array): Pseudonyms {
  const of = (...parts: string[]) =>
    createHmac('sha256', key).update(JSON.stringify(parts)).digest('hex').slice(0, 32);
  return {
    user: (tenant, userId) => of('user', tenant, userId),
    study: (tenant, studyInstanceUid, contentDigest) => of('study', tenant, studyInstanceUid, contentDigest),
  };
}

/**
 * Digest of what a result holds for: the sorted SOP Instance UIDs (where the record does not list the instances, its
 * series and its number of instances) and the identity of the chart's patient that the images are held against.
 * Later instances give another digest, and so does a record that is corrected or moved to another patient: a result
 * never outlives the identity that it was checked for. 64 hexadecimal digits.
 */
export function contentDigest(study: StudyReference, patient: ChartPatient): string {
  const instances = study.series.flatMap((series) =>
    series.instances.map((instance) => instance.sopInstanceUid),
  );
  const content =
    instances.length > 0 && study.series.every((series) => series.instances.length > 0)
      ? instances.sort()
      : [
          'unlisted',
          String(study.numberOfInstances ?? ''),
          ...study.series.map((series) => series.seriesInstanceUid).sort(),
        ];
  const { identifiers, birthDate, sex } = patient;
  return createHash('sha256')
    .update(JSON.stringify([content, [...identifiers].sort(), birthDate, sex]))
    .digest('hex');
}
