import { ServiceError } from '#core/error';
import type { ImagingEndpoint, SeriesReference } from '#core/imaging';
import type { OutboundFetch, OutboundResponse } from '#core/outbound';
import type { AllowedOrigin } from '#core/tenant';
import { isUid, parseInstances, type QidoInstance, toSeries } from './dicomweb-json.ts';
import { checkStatus, codedTransfer, letGo } from './dicomweb-status.ts';
import { parseMediaType, parseMultipart } from './multipart.ts';

export interface DicomwebOptions {
  readonly outbound: OutboundFetch;
  readonly endpoint: ImagingEndpoint;
  /** The tenant's imaging servers. */
  readonly allowed: readonly AllowedOrigin[];
  /** The access token of the call or of the tenant, null when there is none. */
  readonly token: string | null;
  /** Whether the token may go to this endpoint. Asked only when the Endpoint wants a token. */
  readonly maySendToken: (endpoint: ImagingEndpoint) => boolean;
  /** For one request to its last byte, milliseconds. */
  readonly timeoutMs: number;
  /** Longest silence of the server, milliseconds; also how long it may take to its first byte. */
  readonly idleTimeoutMs: number;
  /** Largest answer, bytes: a whole study. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal;
}

/**
 * One imaging server. UIDs are checked for their syntax (INVALID_REQUEST).
 *
 * Every function throws ServiceError
 * - DICOMWEB_BUSY (202, 429, 503), with `retryAfter` in seconds (5 when the server names none, 300 at most),
 * - DICOMWEB_UNAUTHORIZED (401, 403), DICOMWEB_NOT_FOUND (404, 410), DICOMWEB_UNAVAILABLE (any other failure),
 * - DICOMWEB_CONTENT_TYPE (an answer that is not DICOM), DICOMWEB_INVALID_RESPONSE (one that breaks the rules),
 * - DICOMWEB_TIMEOUT (silence, slow drip), DICOMWEB_TRUNCATED (broken off, or only a part of the study),
 *   DICOMWEB_TOO_LARGE,
 * - HOST_NOT_ALLOWED, ADDRESS_NOT_ALLOWED, REDIRECT_REFUSED, OUTBOUND_UNREACHABLE, OUTBOUND_INVALID_RESPONSE.
 */
export interface DicomwebClient {
  /**
   * Series and instances of a study, in the server's order; empty when the server has none.
   * @see DICOM PS3.18 §10.6 (QIDO-RS)
   */
  qidoInstances(studyInstanceUid: string): Promise<readonly SeriesReference[]>;
  /**
   * The DICOM files of a study, one at a time, each in a buffer of its own as the server stores it (any transfer
   * syntax). The next one is read when it is asked for. Stopping early frees the connection.
   * @see DICOM PS3.18 §10.4 (WADO-RS); SMART Imaging Access
   */
  retrieveStudy(studyInstanceUid: string): DicomFiles;
  retrieveSeries(studyInstanceUid: string, seriesInstanceUid: string): DicomFiles;
  /** One file, or more where the server has more of this UID. */
  retrieveInstance(studyInstanceUid: string, seriesInstanceUid: string, sopInstanceUid: string): DicomFiles;
}

type DicomFiles = AsyncGenerator<Buffer<ArrayBuffer>, void, undefined>;

const acceptDicom = 'multipart/related; type="application/dicom"; transfer-syntax=*';
const acceptJson = 'application/dicom+json';

/** Series' modality and body part are not among the attributes that a QIDO-RS search for instances gives by itself. */
const includedFields = ['00080060', '00080016', '00200013', '0020000E'];

const maxParts = 20_000;
const maxInstances = 20_000;
/** An answer to a search is text about a study, not the study. */
const maxSearchBytes = 32 << 20;

function pathOf(parts: Readonly<Record<string, string>>): string {
  return Object.entries(parts)
    .map(([level, value]) => {
      if (!isUid(value)) throw new ServiceError('INVALID_REQUEST', { detail: 'A DICOM UID is not valid.' });
      return `/${level}/${value}`;
    })
    .join('');
}

export function createDicomwebClient(options: DicomwebOptions): DicomwebClient {
  const { endpoint } = options;
  const root = endpoint.address.replace(/\/+$/, '');
  const token =
    options.token !== null && endpoint.requiresAccessToken && options.maySendToken(endpoint)
      ? { token: options.token }
      : {};

  async function get(path: string, accept: string, maxBytes: number): Promise<OutboundResponse> {
    try {
      return await options.outbound({
        url: `${root}${path}`,
        allowed: options.allowed,
        headers: { accept },
        ...token,
        timeoutMs: options.timeoutMs,
        idleTimeoutMs: options.idleTimeoutMs,
        maxBytes,
        ...(options.signal !== undefined && { signal: options.signal }),
      });
    } catch (error) {
      throw codedTransfer(error, 'head');
    }
  }

  async function* retrieve(path: string): DicomFiles {
    const response = await get(path, acceptDicom, options.maxBytes);
    await checkStatus(response, [200]);
    const type = parseMediaType(response.headers['content-type'] ?? '');
    const boundary = type?.parameters['boundary'];
    if (type?.type !== 'multipart/related' || boundary === undefined || !isDicom(type.parameters['type'])) {
      await letGo(response);
      throw new ServiceError('DICOMWEB_CONTENT_TYPE');
    }
    try {
      for await (const part of parseMultipart(response.body, boundary, {
        maxPartBytes: options.maxBytes,
        maxParts,
      })) {
        if (!isDicom(part.headers['content-type'])) throw new ServiceError('DICOMWEB_CONTENT_TYPE');
        yield part.bytes;
      }
    } catch (error) {
      throw codedTransfer(error, 'body');
    }
  }

  async function search(
    path: string,
  ): Promise<{ readonly instances: readonly QidoInstance[]; readonly more: boolean }> {
    const response = await get(path, acceptJson, Math.min(options.maxBytes, maxSearchBytes));
    await checkStatus(response, [200, 204]);
    const type = parseMediaType(response.headers['content-type'] ?? '')?.type;
    if (response.status === 204 || (type !== acceptJson && type !== 'application/json')) {
      await letGo(response);
      if (response.status === 204) return { instances: [], more: false };
      throw new ServiceError('DICOMWEB_CONTENT_TYPE');
    }
    const chunks: Uint8Array[] = [];
    try {
      for await (const chunk of response.body) chunks.push(chunk);
    } catch (error) {
      throw codedTransfer(error, 'body');
    }
    // PS3.18 §8.3.4.4: a server that gives fewer results than there are warns with 299.
    return {
      instances: parseInstances(Buffer.concat(chunks)),
      more: /^\s*299\b/.test(response.headers['warning'] ?? ''),
    };
  }

  return {
    async qidoInstances(studyInstanceUid) {
      const query = includedFields.map((field) => `includefield=${field}`).join('&');
      const path = `${pathOf({ studies: studyInstanceUid })}/instances?${query}`;
      const found = new Map<string, QidoInstance>();
      for (let offset = 0; ; ) {
        const { instances, more } = await search(offset === 0 ? path : `${path}&offset=${offset}`);
        const before = found.size;
        for (const instance of instances) {
          if (instance.studyInstanceUid !== null && instance.studyInstanceUid !== studyInstanceUid) {
            throw new ServiceError('DICOMWEB_INVALID_RESPONSE', { detail: 'It lists another study.' });
          }
          found.set(instance.sopInstanceUid, instance);
        }
        if (found.size > maxInstances) throw new ServiceError('DICOMWEB_TOO_LARGE');
        if (!more || found.size === before) return toSeries([...found.values()]);
        offset += instances.length;
      }
    },
    retrieveStudy: (studies) => retrieve(pathOf({ studies })),
    retrieveSeries: (studies, series) => retrieve(pathOf({ studies, series })),
    retrieveInstance: (studies, series, instances) => retrieve(pathOf({ studies, series, instances })),
  };
}

/** A missing type is the rule of multipart/related broken in a harmless way: the parts still say what they are. */
function isDicom(contentType: string | undefined): boolean {
  return contentType === undefined || parseMediaType(contentType)?.type === 'application/dicom';
}
