import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
import Fastify from 'fastify';
import { build } from 'vite';
import type { AppEvidence, AppPicture, AppPictures, AppStudy } from '#core/app';
import { pixelDataTag, valueBytes } from '#dicom/data-set';
import { nativeFrameBits } from '#dicom/decoders/native';
import { encapsulatedFrames } from '#dicom/frames';
import { greyRules } from '#dicom/grey-rules';
import { readImagePixel } from '#dicom/image-pixel';
import { type DicomFile, parseDicom } from '#dicom/parse';
import { isEncapsulated } from '#dicom/transfer-syntax';
import * as read from '#dicom/values';

/** What one series of a study holds: DICOM files, or how it fails. */
export interface ServedSeries {
  readonly modality: string | null;
  readonly description?: string;
  readonly files: readonly Uint8Array[];
}

export interface ServedStudy {
  readonly series: readonly ServedSeries[];
  readonly left?: AppPictures['left'];
  /** Answers instead of the list, or instead of frames. */
  readonly fails?: {
    readonly at: 'list' | 'frame';
    readonly status: number;
    readonly code: string;
    readonly text: string;
  };
  /** Frames are not answered while this is true. */
  hangs?: boolean;
  /** Frames of these instances (from 0) are cut off. */
  readonly damaged?: readonly number[];
}

/** What the page mounts the viewer with. */
export interface Scenario {
  readonly study: Pick<AppStudy, 'key' | 'started' | 'description' | 'modalities' | 'images'>;
  readonly evidence: AppEvidence | null;
  readonly prior: Scenario['study'] | null;
  readonly locale: 'en' | 'es';
}

export interface ViewerServer {
  readonly base: string;
  readonly studies: Map<string, ServedStudy>;
  readonly scenarios: Map<string, Scenario>;
  /** Frames that were asked for, in order: `study/series/instance/frame`. */
  readonly asked: string[];
  stop(): Promise<void>;
}

/** As strict as the page may be served; what it cannot do without stands in docs/smart-app.md. */
export const viewerPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** The viewer's page, built by Vite, and its interface filled from DICOM files by the service's own reader. */
export async function startViewerServer(): Promise<ViewerServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-viewer-'));
  await build({
    configFile: path.resolve(import.meta.dirname, '..', '..', 'smart-app', 'vite.config.ts'),
    root: path.join(import.meta.dirname, 'viewer-page'),
    logLevel: 'error',
    experimental: { renderBuiltUrl: () => ({ relative: true }) },
    build: { outDir: folder, emptyOutDir: true },
  });
  const studies = new Map<string, ServedStudy>();
  const scenarios = new Map<string, Scenario>();
  const asked: string[] = [];
  const server = Fastify({ forceCloseConnections: true });
  server.addHook('onSend', async (_, reply) => {
    reply.header('content-security-policy', viewerPolicy);
  });
  await server.register(fastifyStatic, { root: folder, prefix: '/app/l/launch/' });
  server.get<{ Params: { name: string } }>('/scenario/:name', async (request) =>
    scenarios.get(request.params.name),
  );
  const root = '/api/launches/launch/studies/:study/pictures';
  type At = { Params: { study: string; series: string; instance: string; frame: string } };
  const failed = ({ status, code, text }: NonNullable<ServedStudy['fails']>) => ({
    statusCode: status,
    resourceType: 'OperationOutcome',
    issue: [
      { severity: 'error', code: 'processing', details: { text, coding: [{ code }] }, diagnostics: '' },
    ],
  });
  server.get<At>(root, async (request, reply) => {
    const study = studies.get(request.params.study);
    if (study?.fails?.at === 'list') return reply.code(study.fails.status).send(failed(study.fails));
    const pictures: AppPictures = {
      series: (study?.series ?? []).map(({ modality, description, files }, index) => ({
        key: `s${index}`,
        modality,
        description: description ?? null,
        instances: files.map((_, place) => `i${place}`),
      })),
      left: study?.left ?? [],
    };
    return pictures;
  });
  const fileOf = ({ study, series, instance }: At['Params']): DicomFile =>
    parseDicom(
      studies.get(study)?.series[Number(series.slice(1))]?.files[Number(instance.slice(1))] as Uint8Array,
    );
  server.get<At>(`${root}/:series/:instance`, async (request) => pictureOf(fileOf(request.params)));
  server.get<At>(`${root}/:series/:instance/frames/:frame`, async (request, reply) => {
    const { study, series, instance, frame } = request.params;
    asked.push(`${study}/${series}/${instance}/${frame}`);
    const served = studies.get(study);
    if (served?.hangs === true) return new Promise(() => undefined);
    if (served?.fails?.at === 'frame') return reply.code(served.fails.status).send(failed(served.fails));
    const file = fileOf(request.params);
    const bytes = frameOf(file, Number(frame) - 1);
    const cut = served?.damaged?.includes(Number(instance.slice(1))) === true;
    return reply
      .header('x-transfer-syntax', file.transferSyntaxUid ?? '')
      .type('application/octet-stream')
      .send(Buffer.from(cut ? bytes.subarray(0, bytes.length / 3) : bytes));
  });
  const base = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    base,
    studies,
    scenarios,
    asked,
    stop: async () => {
      await server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One frame as stored. @param index from 0 */
function frameOf(file: DicomFile, index: number): Uint8Array {
  const pixel = readImagePixel(file);
  const syntax = file.transferSyntax;
  if (syntax !== null && isEncapsulated(syntax))
    return encapsulatedFrames(file.dataSet, pixel.element, pixel.frames).frame(index);
  const bytes = valueBytes(file.dataSet, pixelDataTag) as Uint8Array;
  const size = Math.ceil(nativeFrameBits(pixel) / 8);
  return bytes.subarray(index * size, (index + 1) * size);
}

function pictureOf(file: DicomFile): AppPicture {
  const pixel = readImagePixel(file);
  const { dataSet } = file;
  const rules = greyRules(file, pixel);
  const numbers = (tag: number): readonly number[] =>
    read.numbers(dataSet, tag, 'decimal').filter((one) => one !== null);
  const two = (tag: number): readonly [number, number] | null => {
    const [first, second] = numbers(tag);
    return first === undefined || second === undefined ? null : [first, second];
  };
  const widths = numbers(0x00281051);
  const names = read.texts(dataSet, 0x00281055);
  const hasRescale = read.number(dataSet, 0x00281053) !== null;
  return {
    transferSyntax: file.transferSyntax?.uid ?? '',
    photometric: pixel.photometric,
    rows: pixel.rows,
    columns: pixel.columns,
    frames: pixel.frames,
    samplesPerPixel: pixel.samples,
    planarConfiguration: pixel.planar ? 1 : pixel.samples > 1 ? 0 : null,
    bitsAllocated: pixel.bitsAllocated,
    bitsStored: pixel.bitsStored,
    highBit: pixel.highBit,
    signed: pixel.signed,
    rescale: hasRescale ? { slope: rules.slope, intercept: rules.intercept } : null,
    windows: numbers(0x00281050).map((center, index) => ({
      center,
      width: widths[index] ?? 0,
      name: names[index] ?? null,
    })),
    padding: rules.padding?.[0] ?? null,
    pixelSpacing: two(0x00280030),
    imagerPixelSpacing: two(0x00181164),
    position: null,
    orientation: null,
    frameOfReference: null,
    laterality: null,
    view: read.text(dataSet, 0x00185101),
    instanceNumber: read.number(dataSet, 0x00200013),
  };
}
