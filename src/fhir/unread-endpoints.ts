import type { ImagingSource, StudyReference } from '#core/imaging';
import { readEndpoint } from './endpoint.ts';

/** Endpoints that are read for one study; a record with more of them is not one of images. */
const most = 16;

/**
 * The study with its Endpoints read that were neither contained nor in the Bundle, each once, 16 of them at most. A series whose own
 * Endpoints are of no use is left to that of its study.
 *
 * @param fetchReference reads `Endpoint/1`, or an absolute address that it must itself hold against its server; null
 *   when there is none
 * @throws ServiceError of `fetchReference`
 * @see FHIR R4 ImagingStudy.endpoint, ImagingStudy.series.endpoint
 */
export async function readUnreadEndpoints(
  study: StudyReference,
  fetchReference: (reference: string) => Promise<unknown>,
): Promise<StudyReference> {
  const running = new Map<string, Promise<unknown>>();
  const read = (reference: string): Promise<unknown> => {
    if (running.size >= most && !running.has(reference)) return Promise.resolve(null);
    const found = running.get(reference) ?? fetchReference(reference);
    running.set(reference, found);
    return found;
  };
  const resolve = async ({ endpoint, unreadEndpoints }: ImagingSource): Promise<ImagingSource> => {
    for (const reference of unreadEndpoints) {
      const found = readEndpoint(await read(reference));
      if (found !== null) return { endpoint: found, unreadEndpoints: [] };
    }
    return { endpoint, unreadEndpoints: [] };
  };
  const series = await Promise.all(study.series.map(async (one) => ({ ...one, ...(await resolve(one)) })));
  return { ...study, ...(await resolve(study)), series };
}

/** Whether {@link readUnreadEndpoints} has something to read. */
export function hasUnreadEndpoints(study: StudyReference): boolean {
  return [study, ...study.series].some(({ unreadEndpoints }) => unreadEndpoints.length > 0);
}
