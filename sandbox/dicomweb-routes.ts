import { createReadStream } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TokenCheck } from './access-tokens.ts';
import { type DicomJson, datasetJson } from './dicom-json.ts';
import { askForToken, grantOf, refuseScope, type TokenRule } from './gatekeeper.ts';
import type { HeldInstance, ImageArchive } from './image-archive.ts';
import { multipartOf } from './multipart.ts';
import { outcomeOf, sendFhir } from './outcome.ts';
import { instanceResult, seriesResult, studyResult } from './qido-results.ts';
import { reachOf } from './reach.ts';

interface Params {
  readonly study: string;
  readonly series?: string;
  readonly instance?: string;
}

/**
 * One DICOMweb server: QIDO-RS, WADO-RS with files as they are stored, and rendered pictures.
 * `transfer-syntax` of the Accept header is not looked at: like many archives this one sends what it has.
 *
 * @see DICOM PS3.18 §10.4, §10.6
 */
export function dicomWebRoutes(
  app: FastifyInstance,
  options: {
    readonly archive: ImageArchive;
    readonly tokens: TokenCheck;
    readonly rule: TokenRule;
    /** Public WADO-RS root. */
    readonly base: string;
    /** How late every answer is, milliseconds. */
    readonly delay: number;
  },
): void {
  const { archive, tokens, rule, base, delay } = options;

  app.addHook('onRequest', async () => {
    if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
  });

  /** The instances that the address names and the caller may see; answers itself and gives null where there are none. */
  const found = async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<readonly HeldInstance[] | null> => {
    const grant = await grantOf(request, tokens, rule);
    if (grant === null) {
      askForToken(reply);
      return null;
    }
    // Who may read the record of a study may read its pictures. @see SMART Imaging Access
    const reach = reachOf(grant, 'ImagingStudy', 'r');
    if (reach === null) {
      refuseScope(reply, 'patient/ImagingStudy.r');
      return null;
    }
    const { study, series, instance } = request.params as Partial<Params>;
    const held = archive.instances.filter(
      (one) =>
        (reach.of === 'everybody' || one.patient.id === reach.patientId) &&
        (study === undefined || one.study.studyInstanceUid === study) &&
        (series === undefined || one.series.seriesInstanceUid === series) &&
        (instance === undefined || one.instance.sopInstanceUid === instance),
    );
    if (study !== undefined && held.length === 0) {
      sendFhir(reply, 404, outcomeOf('not-found', 'This archive holds no such object.'));
      return null;
    }
    return held;
  };

  const query =
    (result: (held: readonly HeldInstance[], base: string) => readonly DicomJson[]) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const held = await found(request, reply);
      return held === null
        ? reply
        : sendDicomJson(reply, page(matching(result(held, base), request.query), request.query));
    };
  app.get('/studies', query(studyResult));
  app.get('/studies/:study/series', query(seriesResult));
  app.get('/studies/:study/instances', query(instanceResult));
  app.get('/studies/:study/series/:series/instances', query(instanceResult));

  for (const level of [
    '/studies/:study',
    '/studies/:study/series/:series',
    '/studies/:study/series/:series/instances/:instance',
  ]) {
    app.get(level, async (request, reply) => {
      const held = await found(request, reply);
      if (held === null) return reply;
      if (!acceptsFiles(request.headers.accept)) {
        return sendFhir(
          reply,
          406,
          outcomeOf('not-supported', 'Files come as multipart/related; type="application/dicom".'),
        );
      }
      const { contentType, contentLength, body } = await multipartOf(
        held.map(({ file }) => file),
        'application/dicom',
      );
      return reply.header('content-type', contentType).header('content-length', contentLength).send(body);
    });
    app.get(`${level}/metadata`, async (request, reply) => {
      const held = await found(request, reply);
      if (held === null) return reply;
      return sendDicomJson(reply, await Promise.all(held.map(({ file }) => datasetJson(file))));
    });
  }

  app.get('/studies/:study/series/:series/instances/:instance/rendered', async (request, reply) => {
    const held = (await found(request, reply))?.[0];
    if (held === undefined) return reply;
    return reply.header('content-type', 'image/png').send(createReadStream(held.preview));
  });
}

function sendDicomJson(reply: FastifyReply, content: readonly DicomJson[]): FastifyReply {
  if (content.length === 0) return reply.code(204).send();
  return reply.header('content-type', 'application/dicom+json').send(JSON.stringify(content));
}

function acceptsFiles(accept: string | undefined): boolean {
  if (accept === undefined) return true;
  return accept.split(',').some((range) => {
    const plain = range.toLowerCase().replaceAll('"', '').replaceAll(' ', '');
    if (plain.startsWith('*/*')) return true;
    return (
      plain.startsWith('multipart/related') &&
      (!plain.includes('type=') || /[;]type=application\/(dicom|octet-stream)\b/.test(plain))
    );
  });
}

/** The attributes that a query may match by, as keyword and as tag. */
const matchable: Readonly<Record<string, string>> = {
  StudyInstanceUID: '0020000D',
  SeriesInstanceUID: '0020000E',
  SOPInstanceUID: '00080018',
  SOPClassUID: '00080016',
  PatientID: '00100020',
  AccessionNumber: '00080050',
  Modality: '00080060',
  ModalitiesInStudy: '00080061',
  StudyDate: '00080020',
};

/** @see DICOM PS3.18 §8.3.4.1, PS3.4 §C.2.2.2 (single value, UID list, wild card, date range) */
function matching(results: readonly DicomJson[], query: unknown): readonly DicomJson[] {
  const asked = Object.entries(query as Record<string, string | string[]>)
    .map(([name, value]) => ({ tag: matchable[name] ?? name.toUpperCase(), values: [value].flat() }))
    .filter(({ tag }) => Object.values(matchable).includes(tag));
  return results.filter((result) =>
    asked.every(({ tag, values }) => {
      const held = (result[tag]?.Value ?? []).map(String);
      return values.some((value) => held.some((one) => matches(one, value)));
    }),
  );
}

function matches(held: string, asked: string): boolean {
  const range = /^(\d{8})?-(\d{8})?$/.exec(asked);
  if (range !== null) return held >= (range[1] ?? '') && held <= (range[2] ?? '99999999');
  return asked.split(/[,\\]/).some((one) => {
    const pattern = one
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return new RegExp(`^${pattern}$`).test(held);
  });
}

function page(results: readonly DicomJson[], query: unknown): readonly DicomJson[] {
  const { limit, offset } = query as { limit?: string; offset?: string };
  const from = Number(offset ?? 0) || 0;
  const count = limit === undefined ? results.length : Number(limit) || 0;
  return results.slice(from, from + count);
}
